import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { imageOf, pushImage } from '../conformance/samples.ts';
import { type SimulatedRegistry, type SimulateOptions, simulateRegistry } from '../simulated-registry/simulate.ts';
import { testCertificates } from '../support/certificates.ts';
import { craneInProcess, type InProcessResult } from '../support/in-process.ts';
import { proxyServer } from '../support/proxy-server.ts';
import { testDirectory } from '../support/test-directory.ts';

// What the command line does with certificates, proxies, mirrors and settings of hosts: demand-and-quirks reference, Q-85 and Q-86.

const image = imageOf('hosts');
const { digest } = image.target;

async function registryWith(options: SimulateOptions = {}): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry(options);
  onTestFinished(() => registry.close());
  const content = await registry.content('app');
  await pushImage(content, image);
  await content.tag(image.target, 'v1');
  return registry;
}

interface Place {
  readonly home: string;
  /** Writes a file below the home directory. */
  readonly put: (path: string, text: string) => Promise<string>;
  readonly crane: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<InProcessResult>;
}

async function place(): Promise<Place> {
  const home = await testDirectory();
  return {
    home,
    async put(path, text) {
      const file = join(home, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
      return file;
    },
    crane: (args, env = {}) => craneInProcess(args, { home, env }),
  };
}

const ours = '.config/crane-oci/config.yaml';
const containers = '.config/containers/registries.conf';

describe('TLS', () => {
  it('is trusted with --ca-file, SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, certs.d and the settings file (Q-86)', async () => {
    const { host, ca, caFile } = await registryWith({ tls: true });
    const file = String(caFile);
    const digestOf = async (run: Promise<InProcessResult>): Promise<void> => {
      expect(await run).toMatchObject({ code: 0, stdout: `${digest}\n`, stderr: '' });
    };
    const bare = await place();
    const refused = await bare.crane(['digest', `${host}/app:v1`]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('--ca-file');
    await digestOf(bare.crane(['digest', '--ca-file', file, `${host}/app:v1`]));
    await digestOf(bare.crane(['digest', `${host}/app:v1`], { SSL_CERT_FILE: file }));
    await digestOf(bare.crane(['digest', `${host}/app:v1`], { NODE_EXTRA_CA_CERTS: file }));
    await digestOf(bare.crane(['digest', '--insecure', `${host}/app:v1`]));
    for (const directory of ['.docker/certs.d', '.config/containers/certs.d']) {
      const { put, crane } = await place();
      await put(`${directory}/${host}/ca.crt`, String(ca));
      await digestOf(crane(['digest', `${host}/app:v1`]));
    }
    const { put, crane } = await place();
    await put('.config/crane-oci/ca.pem', String(ca));
    await put(ours, `hosts: {"${host}": {ca: ca.pem}}`);
    await digestOf(crane(['digest', `${host}/app:v1`]));
  });

  it('with a client certificate is met with --cert-file, certs.d and the settings file, and with no other', async () => {
    const { key, cert, ca, caFile, client } = testCertificates();
    const server = createServer({ key, cert, ca, requestCert: true, rejectUnauthorized: true }, (_, response) => {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[{"code":"NAME_UNKNOWN"}]}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => server.close().closeAllConnections());
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { crane, put } = await place();
    const args = ['digest', '--ca-file', caFile, `${host}/app:v1`];
    expect((await crane(args)).stderr).not.toContain('404');
    const pair = ['--cert-file', client.certFile, '--key-file', client.keyFile];
    expect((await crane([...args, ...pair])).stderr).toContain('404');
    await put(ours, `hosts: {"${host}": {cert: ${client.certFile}, key: ${client.keyFile}}}`);
    expect((await crane(args)).stderr).toContain('404');
    expect(await crane([...args, '--cert-file', client.certFile])).toMatchObject({ code: 1 });
    expect((await crane([...args, '--cert-file', client.certFile, '--key-file', caFile])).stderr).toMatch(
      /from --key-file\) cannot be used: it holds no private key/,
    );
  });

  it('is not given up for plain http by a host that need not be trusted (Q-86)', async () => {
    const registry = await registryWith();
    await using proxy = await proxyServer({
      names: { 'registry.test:443': registry.host, 'registry.test': registry.host },
    });
    const { crane, put } = await place();
    const env = { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url };
    const refused = await crane(['digest', 'registry.test/app:v1'], env);
    expect(refused.code).toBe(1);
    expect(proxy.log).toEqual(['CONNECT registry.test:443']);
    await put(ours, 'hosts: {registry.test: {scheme: http}}');
    expect(await crane(['digest', 'registry.test/app:v1'], env)).toMatchObject({ code: 0, stdout: `${digest}\n` });
    expect(proxy.log.at(-1)).toMatch(/^HEAD http:\/\/registry\.test\/v2\/app/);
  });
});

describe('a proxy', () => {
  it('of HTTPS_PROXY is used, with its login, except where NO_PROXY says no', async () => {
    const registry = await registryWith({ tls: true });
    const names = { 'registry.test:443': registry.host };
    await using proxy = await proxyServer({ names, login: 'user:hunter2' });
    const { crane } = await place();
    const args = ['digest', '-vv', '--ca-file', String(registry.caFile), 'registry.test/app:v1'];
    const url = proxy.url.replace('//', '//user:hunter2@');
    const result = await crane(args, { https_proxy: url });
    expect(result).toMatchObject({ code: 0, stdout: `${digest}\n` });
    expect(result.stderr).not.toContain('hunter2');
    expect(proxy.log).toEqual(['CONNECT registry.test:443']);
    const refused = await crane(args, { https_proxy: proxy.url });
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toMatch(/the proxy 127\.0\.0\.1:\d+ answered 407/);
    expect(await crane(args, { https_proxy: url, NO_PROXY: '.test,registry.test' })).toMatchObject({ code: 1 });
    expect(proxy.log.length).toBe(2);
  });
});

describe('mirrors', () => {
  it('of the settings file serve what is read, with ns, and never what is written (Q-85)', async () => {
    const [origin, mirror] = [await registryWith(), await registryWith()];
    const { crane, put, home } = await place();
    await put(ours, `hosts:\n  ${origin.host}:\n    mirrors: [${mirror.host}]\n`);
    expect(await crane(['pull', `${origin.host}/app:v1`, join(home, 'app.tar')])).toMatchObject({ code: 0 });
    expect(origin.requests).toEqual([]);
    expect(mirror.requests.map(({ query }) => query.get('ns'))).toEqual(mirror.requests.map(() => origin.host));
    expect(await crane(['copy', `${origin.host}/app:v1`, `${origin.host}/copy:v2`])).toMatchObject({ code: 0 });
    expect(await (await origin.content('copy')).resolve('v2')).toMatchObject({ digest });
    expect(await crane(['ls', `${origin.host}/copy`])).toMatchObject({ code: 0, stdout: 'v2\n' });
    expect(mirror.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
    expect(mirror.requests.filter(({ path }) => !path.startsWith('/v2/app/'))).toEqual([]);
  });

  it('of registries.conf are asked, and an entry with blocked keeps everybody out', async () => {
    const [origin, mirror] = [await registryWith(), await registryWith()];
    const { crane, put } = await place();
    await put(
      containers,
      `[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`,
    );
    const shown = await crane(['digest', '-v', `${origin.host}/app:v1`]);
    expect(shown).toMatchObject({ code: 0, stdout: `${digest}\n` });
    expect(shown.stderr).toContain(`HEAD http://${mirror.host}/v2/app/manifests/v1`);
    expect([origin.requests.length, mirror.requests[0]?.query.has('ns')]).toEqual([0, false]);
    await put(containers, `[[registry]]\nlocation = "${origin.host}"\nblocked = true\n`);
    const refused = await crane(['digest', `${origin.host}/app:v1`]);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain('registries.conf forbids it');
  });

  it('of the settings file take the place of those of registries.conf, whose location stays', async () => {
    const [other, mirror, moved] = [await registryWith(), await registryWith(), await registryWith()];
    const { crane, put } = await place();
    await put(
      containers,
      `[[registry]]\nprefix = "registry.test/team"\nlocation = "${moved.host}"\n[[registry.mirror]]\nlocation = "${other.host}"\n`,
    );
    await put(ours, `hosts:\n  registry.test:\n    mirrors: [{host: ${mirror.host}, pull: digest}]\n`);
    expect(await crane(['digest', 'registry.test/team/app:v1'])).toMatchObject({ code: 0, stdout: `${digest}\n` });
    expect([other.requests.length, mirror.requests.length, moved.requests.length]).toEqual([0, 0, 1]);
  });

  it('see the credentials that are stored for them and no others (Q-85)', async () => {
    const closed = { anonymous: {} };
    const origin = await registryWith({ ...closed, users: { owner: { password: 'origin-secret' } } });
    const mirror = await registryWith({ ...closed, users: { reader: { password: 'mirror-secret' } } });
    const { crane, put, home } = await place();
    await put('password', 'mirror-secret\n');
    await put(
      ours,
      `
hosts:
  "${origin.host}":
    mirrors: ["${mirror.host}"]
    credentials: {username: owner, passwordEnv: ORIGIN}
  "${mirror.host}":
    credentials: {username: reader, passwordFile: ${join(home, 'password')}}
`,
    );
    const env = { ORIGIN: 'origin-secret' };
    expect(await crane(['manifest', `${origin.host}/app:v1`], env)).toMatchObject({ code: 0 });
    expect(origin.requests).toEqual([]);
    const secret = Buffer.from('owner:origin-secret').toString('base64');
    for (const { headers, target } of mirror.requests)
      expect(`${JSON.stringify(headers)} ${target}`).not.toContain(secret);
    expect((await crane(['ls', `${origin.host}/app`], env)).stdout).toBe('v1\n');
    expect(await crane(['ls', `${origin.host}/app`])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('"ORIGIN" is not set') as string,
    });
  });
});

describe('the settings file', () => {
  it('is the one that --config or CRANE_OCI_CONFIG names, and has to be there then', async () => {
    const registry = await registryWith();
    const { crane, put } = await place();
    const broken = await put('broken.yaml', 'hosts:\n  a.test:\n    schema: http\n');
    const good = await put(
      'good.yaml',
      `hosts: {"${registry.host}": {headers: {x-team: blue}, credentials: anonymous}}`,
    );
    const args = ['digest', `${registry.host}/app:v1`];
    expect(await crane([...args, '--config', good], { CRANE_OCI_CONFIG: broken })).toMatchObject({ code: 0 });
    expect(registry.requests[0]?.headers['x-team']).toBe('blue');
    const refused = await crane(args, { CRANE_OCI_CONFIG: broken });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`${broken} cannot be used: line 3, column 5: hosts."a.test".schema is not known`);
    expect(refused.stderr).toContain('Did you mean scheme?');
    expect(await crane([...args, '--config', '/nowhere/config.yaml'])).toMatchObject({ code: 1 });
  });

  it('that is broken is an error, a broken registries.conf a warning', async () => {
    const registry = await registryWith();
    const { crane, put } = await place();
    await put(containers, '[[registry]]\nlocation = = 1\n');
    const warned = await crane(['digest', `${registry.host}/app:v1`]);
    expect(warned).toMatchObject({ code: 0, stdout: `${digest}\n` });
    expect(warned.stderr).toMatch(/registries\.conf is left out: line 2, column \d+/);
    await put(ours, 'hosts: {');
    expect(await crane(['digest', `${registry.host}/app:v1`])).toMatchObject({ code: 1 });
  });
});
