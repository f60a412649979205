import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { parseRegistry, type RegistryName } from '../../src/oci/reference.ts';

/** A request as a scripted server got it. */
export interface ScriptedRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** What to answer, or a function that writes the answer itself, for everything that is no proper answer. */
export type ScriptedAnswer =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string | string[]>>;
      readonly body?: string | Uint8Array | undefined;
    }
  | ((response: ServerResponse, request: IncomingMessage) => void);

export interface ScriptedServer extends AsyncDisposable {
  readonly registry: RegistryName;
  readonly origin: string;
  readonly requests: readonly ScriptedRequest[];
  /** `GET /v2/app/tags/list` and so on, in the order they came. */
  readonly log: readonly string[];
}

export interface ScriptOptions {
  /** Answer before the body has come. @default false */
  readonly early?: boolean;
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A real HTTP server on a free loopback port that answers as a script says. */
export async function scriptedServer(
  script: (request: ScriptedRequest, count: number) => ScriptedAnswer | undefined,
  { early = false, tls }: ScriptOptions = {},
): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = [];
  const log: string[] = [];
  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    void (async () => {
      const { method = '', url: target = '', headers } = incoming;
      const parts: Buffer[] = [];
      if (!early) for await (const chunk of incoming) parts.push(chunk as Buffer);
      const request = { method, target, url: new URL(target, 'http://test'), headers, body: Buffer.concat(parts) };
      requests.push(request);
      log.push(`${method} ${target}`);
      const answer = script(request, log.filter((line) => line === log.at(-1)).length) ?? { status: 404 };
      if (typeof answer === 'function') answer(response, incoming);
      else {
        for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
        if (answer.body !== undefined && !response.hasHeader('content-length')) {
          response.setHeader('content-length', Buffer.byteLength(answer.body));
        }
        response.writeHead(answer.status).end(answer.body);
      }
    })().catch(() => response.destroy());
  };
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    registry: parseRegistry(`127.0.0.1:${port}`),
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    log,
    [Symbol.asyncDispose]: () => closed(server),
  };
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
