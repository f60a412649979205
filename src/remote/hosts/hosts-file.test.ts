import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOciError } from '../../errors.ts';
import { dockerHub, parseRegistry } from '../../oci/reference.ts';
import { parseByteSize } from './byte-size.ts';
import { entryOf, type HostsFile, parseHostsFile } from './hosts-file.ts';

const source = '/etc/settings/config.yaml';

function parse(text: string): Promise<HostsFile> {
  return parseHostsFile(text, { source, homedir: '/home/u' });
}

const registry = parseRegistry('registry.test:5000');

describe('a settings file', () => {
  it('says all there is to say of a host', async () => {
    const file = await parse(`
hosts:
  registry.test:5000:
    scheme: https
    insecure: false
    ca: certs/ca.pem
    cert: ~/client.pem
    key: /etc/key.pem
    mirrors:
      - mirror.test
      - {host: "cache.test:8080", prefix: /hub/, pull: digest, namespace: false}
    headers: {X-Team: "a b"}
    requestRate: 2.5
    maxTransfers: 4
    chunkSize: 8MiB
    maxConnectionsPerBlob: 1
    credentials: {username: robot$a, passwordEnv: PASSWORD}
`);
    const { settings, tls, credentials } = entryOf(file, registry);
    expect(settings).toEqual({
      scheme: 'https',
      insecure: false,
      mirrors: [
        { registry: 'mirror.test' },
        { registry: 'cache.test:8080', prefix: 'hub', pull: 'digest', namespace: false },
      ],
      headers: { 'x-team': 'a b' },
      requestRate: 2.5,
      maxTransfers: 4,
      chunkSize: 8 * 1024 * 1024,
      maxConnectionsPerBlob: 1,
    });
    expect(tls.caFile).toEqual({
      path: '/etc/settings/certs/ca.pem',
      from: `hosts."registry.test:5000".ca in ${source}`,
    });
    expect([tls.certFile?.path, tls.keyFile?.path]).toEqual(['/home/u/client.pem', '/etc/key.pem']);
    expect(credentials).toEqual({ kind: 'password-variable', username: 'robot$a', variable: 'PASSWORD' });
  });

  it('may be JSON, empty, or have keys with nothing in them', async () => {
    expect(entryOf(await parse('{"hosts": {"registry.test:5000": {"insecure": true}}}'), registry).settings).toEqual({
      insecure: true,
      headers: {},
    });
    for (const text of ['', '# nothing', 'hosts:', 'hosts: {}', 'hosts:\n  registry.test:5000:\n', 'hosts: {"*": }']) {
      expect(entryOf(await parse(text), registry).settings).toEqual(expect.not.objectContaining({ scheme: 'http' }));
    }
  });

  it('names Docker Hub by any of its names, once', async () => {
    for (const name of ['docker.io', 'index.docker.io', 'registry-1.docker.io']) {
      const file = await parse(`hosts: {${name}: {maxTransfers: 2}}`);
      expect(entryOf(file, dockerHub).settings.maxTransfers).toBe(2);
    }
    await expect(parse('hosts:\n  docker.io: {}\n  index.docker.io: {}')).rejects.toThrow(
      'is the same host as one above',
    );
  });

  it('has "*" for what a host leaves open', async () => {
    const file = await parse(`
hosts:
  "*": {maxTransfers: 2, requestRate: 5, headers: {a: "1", b: "1"}, credentials: anonymous, ca: a.pem}
  registry.test:5000: {maxTransfers: 3, headers: {b: "2"}}
`);
    expect(entryOf(file, registry)).toMatchObject({
      settings: { maxTransfers: 3, requestRate: 5, headers: { a: '1', b: '2' } },
      credentials: { kind: 'anonymous' },
      tls: { caFile: { path: '/etc/settings/a.pem' } },
    });
    expect(entryOf(file, parseRegistry('other.test')).settings.maxTransfers).toBe(2);
  });

  it.each([
    ['hosts:\n  ghcr.io:\n    schema: http', 3, 5, 'hosts."ghcr.io".schema is not known', 'scheme'],
    ['host: {}', 1, 1, 'host is not known', 'hosts'],
    ['hosts: {ghcr.io: {maxtransfers: 1}}', 1, 19, 'hosts."ghcr.io".maxtransfers is not known', 'maxTransfers'],
    ['hosts: {ghcr.io: {colour: 1}}', 1, 19, 'is not known', 'Known are scheme'],
    ['hosts: {ghcr.io: {scheme: ftp}}', 1, 27, 'scheme is "ftp", allowed is https or http', undefined],
    ['hosts: {ghcr.io: {insecure: yes}}', 1, 29, 'insecure is "yes", allowed is true or false', undefined],
    ['hosts: {ghcr.io: {maxTransfers: 0}}', 1, 33, 'maxTransfers is "0", allowed is a whole number', undefined],
    ['hosts: {ghcr.io: {maxTransfers: 1.5}}', 1, 33, 'allowed is a whole number', undefined],
    ['hosts: {ghcr.io: {requestRate: fast}}', 1, 32, 'allowed is a number above 0', undefined],
    [
      'hosts: {ghcr.io: {chunkSize: 8 MegaBytes}}',
      1,
      30,
      'chunkSize is "8 MegaBytes", allowed is a size such as',
      undefined,
    ],
    ['hosts: {ghcr.io: [1]}', 1, 18, 'hosts."ghcr.io" is a list, allowed is a map', undefined],
    ['hosts: []', 1, 8, 'hosts is a list, allowed is a map of host[:port]', undefined],
    ['- a', 1, 1, 'the document is a list', undefined],
    ['hosts: {"https://ghcr.io": {}}', 1, 28, 'is no host: a reference has no scheme', undefined],
    ['hosts: {"gh cr": {}}', 1, 18, 'is no host', undefined],
    ['hosts: {ghcr.io: {cert: a.pem}}', 1, 25, 'has cert alone', undefined],
    ['hosts: {"*": {cert: a, key: b}}', 1, 15, 'hosts."*".cert is not known', undefined],
    ['hosts: {ghcr.io: {mirrors: [{prefix: a}]}}', 1, 29, 'mirrors[0] has no host', undefined],
    ['hosts: {ghcr.io: {mirrors: [{host: a.b, prefix: A}]}}', 1, 49, 'mirrors[0].prefix is no start', undefined],
    ['hosts: {ghcr.io: {mirrors: mirror.test}}', 1, 28, 'mirrors is "mirror.test", allowed is a list', undefined],
    ['hosts: {ghcr.io: {mirrors: [{host: a.b, pull: never}]}}', 1, 47, 'allowed is all or digest or tag', undefined],
    ['hosts: {ghcr.io: {headers: {"a b": c}}}', 1, 36, 'is no name of a header', undefined],
    ['hosts: {ghcr.io: {headers: {Host: c}}}', 1, 35, 'is not for settings to choose', undefined],
    ['hosts: {ghcr.io: {credentials: {helper: ../x}}}', 1, 41, 'allowed is what follows docker-credential-', undefined],
    [
      'hosts: {ghcr.io: {credentials: {username: a}}}',
      1,
      32,
      'credentials has username, allowed is anonymous',
      undefined,
    ],
    ['hosts: {ghcr.io: {credentials: {username: a, password: b}}}', 1, 46, 'password is not known', 'passwordEnv'],
    ['hosts: {ghcr.io: {credentials: none}}', 1, 32, 'allowed is anonymous', undefined],
    ['hosts:\n  a.b: {}\n  a.b: {}', 3, 3, 'map keys must be unique', undefined],
    ['hosts: {a.b: {', 1, 15, '', undefined],
    ['hosts:\n  *: {}', 2, 6, '', 'Write "*" in quotes'],
  ])('with a fault names its place: %s', async (text, line, column, words, hint) => {
    const fault: unknown = await parse(text).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: 'INVALID_SETTINGS' });
    const { message, hint: said = '' } = fault as { readonly message: string; readonly hint?: string };
    expect(message).toContain(`Settings in ${source} cannot be used: line ${line}, column ${column}: `);
    expect(message).toContain(words);
    if (hint !== undefined) expect(said).toContain(hint);
  });

  it('never shows what may be a secret', async () => {
    for (const text of [
      'hosts: {ghcr.io: {password: hunter2}}',
      'hosts: {ghcr.io: {credentials: hunter2}}',
      'hosts: {ghcr.io: {headers: {authorization: "hunter2\\n"}}}',
      'hosts: {ghcr.io: {credentials: {username: a, password: hunter2}}}',
    ]) {
      const fault = await parse(text).catch((error: unknown) => error);
      expect(String(fault)).toContain('line 1');
      expect(`${String(fault)}${String((fault as { hint?: string }).hint)}`).not.toContain('hunter2');
    }
  });

  it('of any content gives settings or an error with a code', async () => {
    const pieces = fc.constantFrom(
      'hosts',
      ':',
      ' ',
      '\n',
      '  ',
      '{',
      '}',
      '[',
      ']',
      '"',
      '*',
      '&a',
      '*a',
      'a.b',
      '- ',
      '<<',
      '!!x',
      '#',
      '1',
      'ca',
      'mirrors',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.array(pieces, { maxLength: 20 }).map((all) => all.join('')),
          fc.string(),
        ),
        async (text) => {
          try {
            await parse(text);
          } catch (error) {
            if (!isOciError(error, 'INVALID_SETTINGS')) throw error;
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('sizes', () => {
  it.each([
    ['8MiB', 8_388_608],
    ['8 mib', 8_388_608],
    ['8M', 8_388_608],
    ['8MB', 8_000_000],
    ['1.5KiB', 1536],
    ['5000000', 5_000_000],
    ['2GiB', 2_147_483_648],
    ['8 MegaBytes', undefined],
    ['-1', undefined],
    ['', undefined],
    ['MiB', undefined],
    ['1constructor', undefined],
  ])('%j is %s bytes', (text, size) => {
    expect(parseByteSize(text)).toBe(size);
  });
});
