import { onTestFinished } from 'vitest';
import type { Exchange } from '../../src/remote/transport/exchange.ts';
import { nodeHttp } from '../../src/remote/transport/node-http.ts';
import { testCertificates } from './certificates.ts';
import { type ScriptedAnswer, type ScriptedRequest, type ScriptedServer, scriptedServer } from './scripted-server.ts';

/** When {@link refreshToken} ends, in seconds since the epoch. */
export const end: number = Math.floor(Date.now() / 1000) + 3 * 3600;

/** What a registry of Azure gives for a token of Microsoft Entra. */
export const refreshToken: string = `head.${Buffer.from(JSON.stringify({ exp: end })).toString('base64url')}.signature`;

export type Script = (request: ScriptedRequest) => ScriptedAnswer | undefined;

export function json(body: object, status: number = 200): ScriptedAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

export async function server(script: Script, tls: boolean = false): Promise<ScriptedServer> {
  const { key, cert } = testCertificates();
  const running = await scriptedServer(script, tls ? { tls: { key, cert } } : {});
  onTestFinished(() => running[Symbol.asyncDispose]());
  return running;
}

/** A registry of Azure: what is sent to its name over https is carried to a server of the test, with its path and all. */
export async function azureRegistry(script: Script = () => json({ refresh_token: refreshToken })): Promise<{
  readonly running: ScriptedServer;
  readonly carried: string[];
  readonly exchange: () => Promise<Exchange>;
}> {
  const running = await server(script, true);
  const carried: string[] = [];
  const http = nodeHttp({ ca: testCertificates().ca });
  onTestFinished(() => http.close?.());
  const carry: Exchange = async (request) => {
    carried.push(`${request.method} ${request.url.href}`);
    return http({ ...request, url: new URL(request.url.pathname, running.origin) });
  };
  return { running, carried, exchange: async () => carry };
}
