import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstEvent } from '../../../src/async/first-event.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import { blobOf } from '../../conformance/samples.ts';
import { contentScript } from '../../support/content-script.ts';
import { freePort } from '../../support/free-port.ts';
import { dockerTarball, indexOf, layeredImage } from '../../support/sample-image.ts';
import {
  type ScriptedAnswer,
  type ScriptedRequest,
  scriptedServer,
  type ScriptedServer,
} from '../../support/scripted-server.ts';
import { temporaryDirectory } from '../../support/temp-directory.ts';
import { expectRefused, type RefusedCommand } from '../../support/workplace.ts';

const image = layeredImage('good', { size: 200_000 });
const [layer = image] = image.layers;
const index = indexOf({ 'linux/amd64': image });
const good = contentScript([image, ...image.blobs], { v1: image, index });
const { schemaVersion, config, layers } = JSON.parse(Buffer.from(image.bytes).toString()) as Record<string, unknown>;

type Script = (request: ScriptedRequest) => ScriptedAnswer | undefined;

const isBlob = ({ target }: ScriptedRequest): boolean => target.endsWith(layer.target.digest);
const isManifest = ({ target }: ScriptedRequest): boolean => target.includes('/manifests/');
const manifest =
  (body: string, headers: Record<string, string> = {}): Script =>
  (request) =>
    isManifest(request)
      ? { status: 200, headers: { 'content-type': mediaTypes.ociManifest, ...headers }, body }
      : good(request);
const manifestOf = (fields: Record<string, unknown>): Script => manifest(JSON.stringify(fields));
const always =
  (status: number, headers: Record<string, string> = {}, body = ''): Script =>
  () => ({ status, headers, body });

/** What the registry does, by the name of the repository. */
const behaviours: Readonly<Record<string, Script>> = {
  good,
  'not-json': manifest('<p>hello</p>'),
  'empty-manifest': manifest(''),
  'a-list': manifest('[]'),
  'both-kinds': manifestOf({ schemaVersion, config, layers, manifests: [] }),
  'bad-digest': manifestOf({ schemaVersion, config, layers: [{ ...layer.target, digest: 'sha256:../../x' }] }),
  'bad-size': manifestOf({ schemaVersion, config, layers: [{ ...layer.target, size: -5 }] }),
  'no-config': manifestOf({ schemaVersion, layers }),
  'other-bytes': (request) =>
    request.target.endsWith(image.target.digest)
      ? { status: 200, headers: { 'content-type': mediaTypes.ociManifest }, body: '{}' }
      : good(request),
  'endless-manifest': (request) =>
    isManifest(request) && request.method === 'GET' ? (response) => void flood(response) : good(request),
  'announced-100-mb': (request) =>
    isManifest(request) && request.method === 'GET'
      ? (response) => void response.writeHead(200, { 'content-length': '104857600' }).write('{')
      : good(request),
  'short-length': (request) =>
    isBlob(request) && request.method === 'GET'
      ? (response) => void response.writeHead(200, { 'content-length': '10' }).end(layer.bytes.subarray(0, 10))
      : good(request),
  'config-not-json': contentScript([...withConfig('nope').blobs], { v1: withConfig('nope') }),
  'config-other-bytes': (request) =>
    request.target.endsWith(image.config.target.digest) && request.method === 'GET'
      ? { status: 200, body: Buffer.alloc(image.config.bytes.length, 'x') }
      : good(request),
  'blob-other-bytes': (request) =>
    isBlob(request) && request.method === 'GET'
      ? { status: 200, body: Buffer.alloc(layer.bytes.length) }
      : good(request),
  'no-blob': (request) => (isBlob(request) ? { status: 404 } : good(request)),
  'closes-in-blob': (request) =>
    isBlob(request) && request.method === 'GET' ? (response) => closeAfter(response, 100) : good(request),
  'closes-at-once': () => (response) => void response.destroy(),
  html: always(200, { 'content-type': 'text/html' }, '<html><body>Welcome to the hotel wireless</body></html>'),
  'html-error': always(404, { 'content-type': 'text/html' }, '<html><body>nothing here</body></html>'),
  unauthorized: always(401, { 'www-authenticate': 'Basic realm="r"' }),
  'no-challenge': always(401),
  denied: always(403, {}, JSON.stringify({ errors: [{ code: 'DENIED', message: 'not for you' }] })),
  'rate-limited': always(
    429,
    { 'retry-after': '3600' },
    JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'slow down' }] }),
  ),
  'always-500': always(500, {}, 'database is gone'),
  'terminal-codes': always(404, {}, JSON.stringify({ errors: [{ code: 'X', message: '\u001b[31mred\nError: fake' }] })),
  'redirect-loop': ({ target }) => ({ status: 307, headers: { location: target } }),
  'redirect-nowhere': () => ({ status: 307, headers: { location: 'http://' } }),
  'tags-not-json': always(200, {}, 'v1\nv2'),
  'refuses-upload': (request) =>
    request.method === 'POST'
      ? { status: 403, body: JSON.stringify({ errors: [{ code: 'DENIED', message: 'read only' }] }) }
      : { status: 404 },
  'no-location': (request) => (request.method === 'POST' ? { status: 202 } : { status: 404 }),
  'closes-upload': (request) =>
    request.method === 'POST' || request.method === 'PUT' ? (response) => void response.destroy() : { status: 404 },
};

let server: ScriptedServer;
beforeAll(async () => {
  server = await scriptedServer((request) => behaviourOf(request)?.(request));
});
afterAll(() => server[Symbol.asyncDispose]());

/** Those that are no registry at all are not asked by the name of a repository. */
function behaviourOf({ target }: ScriptedRequest): Script | undefined {
  return target === '/v2/' ? () => ({ status: 200 }) : behaviours[target.split('/')[2] ?? ''];
}

function fill<T>(part: T): T {
  return (typeof part === 'string' ? part.replaceAll('$R', server.registry) : part) as T;
}

async function expectRefusedBy({ args, says, ...command }: RefusedCommand): Promise<string> {
  const { stderr } = await expectRefused({ ...command, args: args.map(fill), says: says.map(fill) });
  return stderr;
}

describe('registries that answer wrongly', () => {
  describe.each<readonly [string, readonly (string | RegExp)[]]>([
    ['not-json', ['not JSON']],
    ['empty-manifest', ['not JSON', /empty|end/]],
    ['a-list', ['not a JSON object']],
    ['both-kinds', ['image', 'index']],
    ['bad-digest', ['sha256:../../x']],
    ['bad-size', ['-5']],
    ['no-config', ['config']],
    ['endless-manifest', ['larger than the limit']],
    ['announced-100-mb', ['104857600', 'limit']],
    ['short-length', [layer.target.digest, String(layer.bytes.length), '10']],
    ['blob-other-bytes', [layer.target.digest]],
    ['config-other-bytes', [image.config.target.digest]],
    ['no-blob', [layer.target.digest, '404']],
    ['html', [/HTML|html|not JSON/]],
    ['html-error', ['404']],
    ['denied', ['403', 'not for you']],
    ['unauthorized', ['credentials', 'none were found']],
    ['no-challenge', ['401']],
    ['rate-limited', ['429', 'slow down']],
    ['terminal-codes', ['404']],
    ['redirect-loop', ['10 times']],
    ['redirect-nowhere', ['http://']],
  ])('%s', (repository, says) => {
    it.each([
      ['pull to a tarball', ['pull', `$R/${repository}:v1`, 'out.tar']],
      ['pull to a layout', ['pull', '--format', 'oci', `$R/${repository}:v1`, 'out']],
      ['pull to the legacy format', ['pull', '--format', 'legacy', `$R/${repository}:v1`, 'out.tar']],
      ['copy to an archive', ['copy', `$R/${repository}:v1`, 'oci-archive:out.tar:v1']],
    ])('%s', async (_, args) => {
      const stderr = await expectRefusedBy({ args, says: ['$R', ...says] });
      expect(stderr).not.toContain('\u001b');
    });
  });

  it('a config that is not JSON', async () => {
    const args = ['pull', '--format', 'legacy', '$R/config-not-json:v1', 'out.tar'];
    await expectRefusedBy({ args, says: ['$R', 'config', 'JSON'] });
  });

  it.each([
    ['ls of a page', ['ls', '$R/html'], ['$R', /JSON|HTML/]],
    ['ls of text', ['ls', '$R/tags-not-json'], ['$R', 'JSON']],
    ['catalog of nothing', ['catalog', '$R'], ['$R', 'does not list its repositories']],
    [
      'a manifest by digest with other bytes',
      ['manifest', `$R/other-bytes@${image.target.digest}`],
      [image.target.digest],
    ],
    [
      'a blob with other bytes',
      ['blob', `$R/config-other-bytes@${image.config.target.digest}`],
      [image.config.target.digest],
    ],
    ['a token where none is needed', ['auth', 'token', '$R/good'], ['bearer']],
    ['push that is refused', ['push', 'image.tar', '$R/refuses-upload:v1'], ['403', 'read only', '$R/refuses-upload']],
    ['push without a place', ['push', 'image.tar', '$R/no-location:v1'], ['$R', 'without saying where']],
  ])('%s', async (_, args, says) => {
    await expectRefusedBy({ args, says, files: { 'image.tar': dockerTarball({ 'app:v1': image }) } });
  });
});

// Each of these waits for its retries.
describe.concurrent('registries that fail for ever', () => {
  it.each<readonly [string, readonly string[], readonly (string | RegExp)[]]>([
    ['500 for a tarball', ['pull', '$R/always-500:v1', 'out.tar'], ['500', 'database is gone']],
    ['500 for a layout', ['pull', '--format', 'oci', '$R/always-500:v1', 'out'], ['500', 'database is gone']],
    ['500 for digest', ['digest', '$R/always-500:v1'], ['500']],
    ['closing before the answer', ['manifest', '$R/closes-at-once:v1'], ['$R', 'closed the connection']],
    ['closing in a blob, tarball', ['pull', '$R/closes-in-blob:v1', 'out.tar'], ['$R', 'closed the connection']],
    ['closing in a blob, legacy', ['pull', '--format', 'legacy', '$R/closes-in-blob:v1', 'out.tar'], ['$R', 'closed']],
    ['closing in a blob, layout', ['pull', '--format', 'oci', '$R/closes-in-blob:v1', 'out'], ['$R', 'closed']],
    ['closing in a blob, archive', ['copy', '$R/closes-in-blob:v1', 'oci-archive:out.tar'], ['$R', 'closed']],
    ['closing in a blob, cache', ['pull', '-c', 'cache', '$R/closes-in-blob:v1', 'out.tar'], ['$R', 'closed']],
    ['closing an upload', ['push', 'image.tar', '$R/closes-upload:v1'], ['$R', 'closed the connection']],
  ])('%s', async (_, args, says) => {
    const files = { 'image.tar': dockerTarball({ 'app:v1': image }), 'cache/keep': '' };
    await expectRefusedBy({ args, says, files });
  });
});

describe('registries that cannot be reached', () => {
  it('nothing listens', async () => {
    const registry = `127.0.0.1:${await freePort()}`;
    await expectRefused({ args: ['pull', `${registry}/app`, 'out.tar'], says: [registry, 'connection refused'] });
  });

  it('the name is unknown', async () => {
    const args = ['digest', 'no-such-host.invalid/app'];
    await expectRefused({ args, says: ['no-such-host.invalid', /cannot be (resolved|reached)/] });
  });

  it('the other side does not speak HTTP', async () => {
    const other = createServer((socket) => socket.end('220 mail.example ESMTP\r\n'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const registry = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    await expectRefused({ args: ['digest', `${registry}/app:v1`], says: [registry, 'HTTP'] });
    other.close();
  });

  it('the certificate is not trusted, and --insecure takes it', async () => {
    const directory = await temporaryDirectory();
    const tls = certificate(directory.path);
    await using secure = await scriptedServer(good, { tls });
    const port = new URL(secure.origin).port;
    // A name that is not local, so that https is the only choice.
    const registry = `127.0.0.1:${port}`;
    await expectRefused({ args: ['digest', `${registry}/app:v1`], says: [registry, 'certificate', 'not trusted'] });
    await directory.remove();
  });
});

function withConfig(text: string): typeof image {
  const bad = blobOf(text, mediaTypes.ociConfig);
  const document = { schemaVersion, mediaType: mediaTypes.ociManifest, config: bad.target, layers };
  return { ...image, ...blobOf(JSON.stringify(document), mediaTypes.ociManifest), blobs: [bad, ...image.layers] };
}

function closeAfter(response: ServerResponse, count: number): void {
  response.writeHead(200, { 'content-length': String(layer.bytes.length) });
  response.write(layer.bytes.subarray(0, count), () => response.destroy());
}

async function flood(response: ServerResponse): Promise<void> {
  response.writeHead(200);
  const chunk = Buffer.alloc(64 * 1024, ' ');
  while (!response.destroyed) {
    if (!response.write(chunk)) await firstEvent(response, 'drain', 'close');
  }
}

function certificate(directory: string): { readonly key: string; readonly cert: string } {
  const [key, cert] = [`${directory}/key.pem`, `${directory}/cert.pem`];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ],
    { stdio: 'pipe' },
  );
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}
