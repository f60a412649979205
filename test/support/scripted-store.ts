import { describeBytes } from '../../src/content/hash.ts';
import type { ByteStream } from '../../src/content/bytes.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { remote, type RemoteStore } from '../../src/remote/remote-store.ts';
import { createTransport } from '../../src/remote/transport/transport.ts';
import { scriptedServer, type ScriptedAnswer, type ScriptedServer } from './scripted-server.ts';

/** A layer, and a manifest that names it as its config. */
export const blob: Buffer = Buffer.from('x'.repeat(300_000));
export const blobTarget: Descriptor = describeBytes(blob, mediaTypes.ociLayerGzip);
export const manifest: Buffer = Buffer.from(
  JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: blobTarget, layers: [] }),
);
export const manifestTarget: Descriptor = describeBytes(manifest, mediaTypes.ociManifest);

type Options = Omit<Parameters<typeof createTransport>[0], 'userAgent'>;

/** Waits for nothing between tries. */
export function transportFor(options: Options = {}): ReturnType<typeof createTransport> {
  return createTransport({ userAgent: 'crane-oci/test', sleep: async () => {}, ...options });
}

/** A repository of a server. */
export function open(server: ScriptedServer, options: Options = {}, repository = 'app'): RemoteStore {
  return remote({ registry: server.registry, repository }, { transport: transportFor(options) });
}

/** The manifest, with what registries say of it. */
export function manifestAnswer(headers: Readonly<Record<string, string>> = {}): ScriptedAnswer {
  return {
    status: 200,
    headers: {
      'content-type': mediaTypes.ociManifest,
      'docker-content-digest': manifestTarget.digest,
      'content-length': String(manifest.byteLength),
      ...headers,
    },
    body: manifest,
  };
}

/** A server that takes uploads whole. */
export async function uploadServer({
  location = '/v2/app/blobs/uploads/1',
}: { readonly location?: string } = {}): Promise<ScriptedServer> {
  return scriptedServer(({ method }) => {
    if (method === 'POST') return { status: 202, headers: { location } };
    return { status: method === 'PUT' ? 201 : 204 };
  });
}

/** Bytes in pieces of a size. */
export function chunks(bytes: Buffer, size: number): ByteStream {
  return {
    async *[Symbol.asyncIterator]() {
      for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
    },
    cancel: async () => {},
  };
}
