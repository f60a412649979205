import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { http, speaking } from '../../support/broken-engine.ts';
import { testCertificates } from '../../support/certificates.ts';
import { craneProgram } from '../../support/command.ts';
import { fakeEngine } from '../../support/fake-engine.ts';
import { craneInProcess } from '../../support/in-process.ts';
import { expectRefused } from '../../support/refusal.ts';
import { testDirectory } from '../../support/test-directory.ts';

// Whatever is wrong on the way to an engine: one error that says what, where, why and what to do.

type Env = Readonly<Record<string, string>>;
type Words = readonly (string | RegExp)[];

const digest = ['digest', 'docker-daemon:app:1'];

let home: string;
beforeEach(async () => {
  home = await testDirectory();
});

describe('an address that leads to no engine', () => {
  it.each<[host: string, ...says: Words]>([
    ['rubbish', 'invalid address of a Docker engine "rubbish"', 'none of the known schemes'],
    ['/var/run/docker.sock', 'none of the known schemes'],
    ['unix://relative.sock', 'starts with a slash'],
    ['tcp://', 'names no host that can be'],
    ['tcp://:2375', 'names no host that can be'],
    ['tcp://127.0.0.1:99999', 'names no host that can be'],
    ['tcp://joe:secret@127.0.0.1', '"tcp://…@127.0.0.1"', 'has a user'],
    ['joe:secret@127.0.0.1', '"…@127.0.0.1"', 'none of the known schemes'],
    ['tcp://joe:of/secret@127.0.0.1', '"tcp://…@127.0.0.1"'],
    ['tcp://127.0.0.1?token=secret', '"tcp://127.0.0.1?…"'],
    ['ssh://joe:secret@host', 'a password, which ssh does not take'],
    ['ssh://-oProxyCommand=x', 'start with a dash'],
    ['unix:///no/such.sock', 'there is no Docker engine at unix:///no/such.sock', 'the socket does not exist'],
    ['unix:///no/\u001b[31mred', '\\u001b[31mred'],
    ['tcp://127.0.0.1:1', 'no Docker engine answers at tcp://127.0.0.1:1', 'connection refused'],
    [
      'tcp://does-not-exist.invalid',
      'the host of the Docker engine at tcp://does-not-exist.invalid:2375 cannot be found',
    ],
  ])('%s', async (host, ...says) => {
    const stderr = await refused({ DOCKER_HOST: host }, digest, ...says);
    expect(stderr).not.toContain('secret');
    expect(stderr).toMatch(/\n {2}\S/);
  });

  it('is a socket that was left behind, or a file', async () => {
    await writeFile(join(home, 'docker.sock'), '');
    await refused({ DOCKER_HOST: `unix://${home}/docker.sock` }, digest, 'no Docker engine answers at unix://');
    await refused({ DOCKER_HOST: `unix://${home}` }, digest, 'no Docker engine answers at unix://');
  });

  it.each<[what: string, says: readonly (string | undefined)[], ...Words]>([
    ['no HTTP', ['SSH-2.0-OpenSSH\r\n'], 'is no Docker engine', 'does not speak HTTP'],
    ['nothing', [''], 'closed the connection while it was asked for its version'],
    ['the page of another server', [http(200, '<html>')], 'is no Docker engine', 'does not say which API'],
    ['of another place', [http(302, '')], 'is no Docker engine', 'status 302'],
    ['that it has no such page', [http(404, '<html>')], 'is no Docker engine', 'status 404'],
    [
      'that it wants TLS',
      [http(400, 'Client sent an HTTP request to an HTTPS server.\n')],
      'speaks TLS, and was asked without',
    ],
    ['that it is busy', [http(503, 'later')], 'failed while it was asked for its version', '"later"'],
  ])('is something that says %s', async (_, [words], ...says) => {
    await refused({ DOCKER_HOST: await speaking(words ?? '') }, digest, ...says);
  });

  it('is one that this user may not open', async (context) => {
    const socket = join(home, 'docker.sock');
    const server = await fakeEngine({ socket });
    onTestFinished(() => server[Symbol.asyncDispose]());
    await chmod(socket, 0o600);
    const says = ['cannot be opened: permission denied', socket];
    if (process.getuid?.() !== 0) {
      await chmod(socket, 0);
      await refused({ DOCKER_HOST: server.host }, digest, ...says);
      return;
    }
    // Root may everything: somebody else tries.
    await chmod(home, 0o755);
    const env = { HOME: '/', DOCKER_HOST: server.host };
    const options = { uid: 65_534, gid: 65_534, env, encoding: 'utf8', cwd: '/' } as const;
    const crane = (args: readonly string[]) => spawnSync(process.execPath, [craneProgram, ...args], options);
    context.skip(crane(['version']).status !== 0, 'Other users cannot read Node or this directory');
    const result = crane(digest);
    expectRefused({ code: result.status ?? -1, stdout: result.stdout, stderr: result.stderr }, ...says);
    expect(result.stderr).toContain('group that owns the socket');
  });

  it('speaks an API that is none', async () => {
    await refused({ DOCKER_API_VERSION: 'new' }, digest, 'DOCKER_API_VERSION is "new"');
  });
});

describe('ssh', () => {
  it('is not installed', async () => {
    const env = { DOCKER_HOST: 'ssh://host.invalid', PATH: home };
    await refused(env, digest, '"ssh" is needed for ssh://host.invalid', 'not installed');
  });

  it.each<[what: string, script: string, ...Words]>([
    [
      'cannot reach the host',
      'echo "ssh: connect to host h: Connection refused" >&2; exit 255',
      'exit code 255',
      'Connection refused',
    ],
    [
      'finds no docker there',
      'echo "bash: docker: command not found" >&2; exit 127',
      '"bash: docker: command not found"',
    ],
    [
      'says it in colours',
      String.raw`printf '\033[31mred\n\033[0mtwo' >&2; exit 1`,
      '"\\u001b[31mred\\n\\u001b[0mtwo"',
    ],
    ['says nothing', 'exit 0', 'closed the connection while it was asked for its version'],
    ['is killed', 'kill -9 $$', 'was ended by SIGKILL'],
    ['lets a login script greet', 'echo Welcome; sleep 5', 'is no Docker engine', 'does not speak HTTP'],
  ])('%s', async (_, script, ...says) => {
    await put('bin/ssh', `#!/bin/sh\n${script}\n`);
    await chmod(join(home, 'bin/ssh'), 0o755);
    const env = { DOCKER_HOST: 'ssh://me@host.invalid', PATH: `${home}/bin:/bin:/usr/bin` };
    await refused(env, digest, 'ssh://me@host.invalid', ...says);
  });
});

describe('a context', () => {
  it.each<[what: string, name: string, meta: string | undefined, ...Words]>([
    ['does not exist', 'gone', undefined, 'there is no Docker context "gone"'],
    ['lies outside of the store', '../../gone', undefined, 'there is no Docker context "../../gone"'],
    [
      'is broken JSON',
      'torn',
      '{"Endpoints":{"docker":{"Host":"tcp://secret',
      'the Docker context "torn" cannot be read',
      'not JSON',
    ],
    ['is empty', 'empty', '', 'the Docker context "empty" cannot be read', 'not JSON'],
    ['is for something else', 'k8s', '{"Endpoints":{"kubernetes":{}}}', 'Endpoints.docker should be an object'],
    [
      'has an address that is a number',
      'odd',
      '{"Endpoints":{"docker":{"Host":5}}}',
      'Host should be a string, found 5',
    ],
    [
      'has an address that is none',
      'bad',
      '{"Endpoints":{"docker":{"Host":"rubbish"}}}',
      'the Docker context "bad" is of no use',
      '"rubbish"',
    ],
  ])('%s', async (_, name, meta, ...says) => {
    const id = createHash('sha256').update(name).digest('hex');
    if (meta !== undefined) await put(`.docker/contexts/meta/${id}/meta.json`, meta);
    const stderr = await refused({ DOCKER_CONTEXT: name }, digest, ...says);
    expect(stderr).not.toContain('secret');
    expect(stderr).toContain('docker context');
  });

  it.each<[what: string, config: string, ...Words]>([
    ['does not exist', '{"currentContext":"gone"}', 'there is no Docker context "gone"'],
    ['is a number', '{"currentContext":5}', 'currentContext should be a string, found 5'],
    ['is in a file that is broken', '{"auths":{"secret', 'the settings of Docker cannot be read', 'not JSON'],
  ])('of config.json %s', async (_, config, ...says) => {
    await put('.docker/config.json', config);
    const stderr = await refused({}, digest, ...says);
    expect(stderr).not.toContain('secret');
  });
});

describe('TLS', () => {
  const { ca, cert, key, client } = testCertificates();
  const rubbish = 'rubbish, and secret';

  it.each<[what: string, files: 'none' | readonly string[], ...Words]>([
    ['without the directory', 'none', 'no ca.pem, cert.pem or key.pem in DOCKER_CERT_PATH'],
    ['with an authority that is not the right one', ['cert', 'key'], 'is not trusted'],
    ['without a certificate of ours', ['ca'], 'wants a certificate of ours'],
    [
      'with a certificate without its key',
      ['ca', 'cert'],
      'the certificate in cert.pem cannot be used: its key.pem is missing',
    ],
    ['with a key without its certificate', ['ca', 'key'], 'the key in key.pem cannot be used: its cert.pem is missing'],
    ['with the key of another', ['ca', 'cert', 'other-key'], 'not that of the certificate'],
    ['with a key that is rubbish', ['ca', 'cert', 'bad-key'], 'the key in key.pem cannot be used', 'not in PEM form'],
    ['with a certificate that is rubbish', ['ca', 'bad-cert', 'key'], 'the certificate in cert.pem cannot be used'],
    ['with an authority that is rubbish', ['bad-ca', 'cert', 'key'], 'the authority in ca.pem cannot be used'],
  ])('%s', async (_, files, ...says) => {
    const server = await fakeEngine({ tls: { ca, cert, key, requestCert: true, rejectUnauthorized: true } });
    onTestFinished(() => server[Symbol.asyncDispose]());
    const texts: Readonly<Record<string, readonly [file: string, text: string]>> = {
      ca: ['ca.pem', ca],
      cert: ['cert.pem', await readFile(client.certFile, 'utf8')],
      key: ['key.pem', await readFile(client.keyFile, 'utf8')],
      'other-key': ['key.pem', key],
      'bad-key': ['key.pem', rubbish],
      'bad-cert': ['cert.pem', rubbish],
      'bad-ca': ['ca.pem', rubbish],
    };
    for (const name of files === 'none' ? [] : files) await put(`certs/${texts[name]?.[0]}`, texts[name]?.[1] ?? '');
    const env = { DOCKER_HOST: server.host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: join(home, 'certs') };
    const stderr = await refused(env, digest, ...says);
    expect(stderr).not.toMatch(/secret|routines|openssl/);
  });

  it('to an engine that speaks none', async () => {
    const server = await fakeEngine();
    onTestFinished(() => server[Symbol.asyncDispose]());
    await put('certs/ca.pem', ca);
    const env = { DOCKER_HOST: server.host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: join(home, 'certs') };
    await refused(env, digest, 'the TLS connection', 'does not speak TLS');
  });
});

it.each([
  ['docker-daemon:', 'the name is missing'],
  ['docker-daemon:UPPER', 'upper-case'],
  ['docker-daemon:sha256:12', 'sha256:12'],
])('a name that is none: %s', async (name, words) => {
  await refused({}, ['digest', name], words);
});

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(home, path)), { recursive: true });
  await writeFile(join(home, path), text);
}

async function refused(env: Env, args: readonly string[], ...says: Words): Promise<string> {
  const result = await craneInProcess(args, { home, env });
  expectRefused(result, ...says);
  return result.stderr;
}
