import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { imageOf, pushImage } from '../../../test/conformance/samples.ts';
import {
  type SimulatedRegistry,
  type SimulateOptions,
  simulateRegistry,
} from '../../../test/simulated-registry/simulate.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';

const image = imageOf('sides');
const closed: SimulateOptions = { anonymous: {} };
const reader = { reader: { password: 'read-secret', pull: ['*'] } };
const writer = { writer: { password: 'write-secret' } };
const asReader = ['--source-username', 'reader', '--source-password', 'read-secret'];
const asWriter = ['--destination-username', 'writer', '--destination-password', 'write-secret'];
let home = '';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'crane-oci-sides-'));
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

describe('credentials of one side', () => {
  it.each([
    ['written out', [...asReader, ...asWriter], ''],
    [
      'that of the source read',
      ['--source-username', 'reader', '--source-password-stdin', ...asWriter],
      'read-secret\n',
    ],
    [
      'that of the target read',
      [...asReader, '--destination-username=writer', '--destination-password-stdin'],
      'write-secret\n',
    ],
  ])('go to the registry of that side only, %s', async (_, flags, input) => {
    await using from = await source();
    await using to = await simulateRegistry({ ...closed, users: writer });
    await copies(from, to, flags, input);
    expect(usersAt(from)).toEqual(new Set(['reader:read-secret']));
    expect(usersAt(to)).toEqual(new Set(['writer:write-secret']));
  });

  it.each([[[]], [['--all-tags']]])('may differ within one registry, with %j', async (more) => {
    await using registry = await source({
      users: { ...reader, writer: { password: 'write-secret', pull: ['b'], push: ['b'] } },
    });
    const name = more.length === 0 ? ':v1' : '';
    const args = [`${registry.host}/a${name}`, `${registry.host}/b${name}`, ...more];
    const result = await run(['copy', ...asReader, ...asWriter, ...args]);
    expect(result).toMatchObject({ code: 0 });
    expect(await (await registry.content('b')).resolve('v1')).toEqual(image.target);
  });

  it('may be told of one side, while the other has what is stored', async () => {
    await using from = await source();
    await using to = await simulateRegistry({ ...closed, users: writer });
    const auths = { [to.host]: { username: 'writer', password: 'write-secret' } };
    await mkdir(join(home, '.docker'));
    await writeFile(join(home, '.docker', 'config.json'), JSON.stringify({ auths }));
    await copies(from, to, asReader);
    expect(usersAt(to)).toEqual(new Set(['writer:write-secret']));
  });

  it('of the whole command are for the target, and never get to the source', async () => {
    await using from = await source();
    await using to = await simulateRegistry({ ...closed, users: writer });
    const leading = ['-u', 'writer', '-p', 'write-secret'];
    const refused = await run([...leading, 'copy', `${from.host}/a:v1`, `${to.host}/b:v1`]);
    expect(refused.code).toBe(1);
    expect(usersAt(from)).toEqual(new Set());
    const result = await run([...leading, 'copy', ...asReader, `${from.host}/a:v1`, `${to.host}/b:v1`]);
    expect(result).toMatchObject({ code: 0 });
    expect(usersAt(from)).toEqual(new Set(['reader:read-secret']));
  });

  it('that are refused are named by their flag', async () => {
    await using from = await source();
    const { code, stderr } = await run([
      'copy',
      '--source-username=reader',
      '--source-password=old',
      `${from.host}/a:v1`,
      'oci:x:y',
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('refused the credentials from --source-username');
    expect(stderr).not.toContain('old');
  });

  it.each([
    [['--source-password', 'x'], 'a password needs a username: --source-username USER'],
    [['--destination-password-stdin'], 'a password needs a username: --destination-username USER'],
    [
      ['--source-username=a', '--source-password-stdin', '--destination-username=b', '--destination-password-stdin'],
      'standard input can hold one password only',
    ],
    [['--source-cert-file', 'x'], '--source-cert-file and --source-key-file are given together or not at all'],
  ])('are refused as %j', async (flags, message) => {
    const result = await run(['copy', ...flags, 'a', 'b']);
    expect(result).toMatchObject({ code: 1, stderr: `Error: ${message}\n` });
  });

  it('are refused where the command has others for the same side', async () => {
    const result = await run(['-u', 'a', '-p', 'b', 'copy', ...asWriter, 'a', 'b']);
    expect(result.stderr).toContain('--destination-username');
    const both = await run([
      '-u',
      'a',
      '--password-stdin',
      'copy',
      '--source-username=b',
      '--source-password-stdin',
      'a',
      'b',
    ]);
    expect(both.stderr).toBe('Error: standard input can hold one password only\n');
  });
});

describe('certificates of one side', () => {
  it('are trusted for the registry of that side only', async () => {
    await using from = await source({ tls: true });
    await using to = await simulateRegistry({ ...closed, users: writer, tls: true });
    const paths = [`${from.host}/a:v1`, `${to.host}/b:v1`];
    const ca = [`--source-ca-file=${from.caFile}`];
    expect((await run(['copy', ...asReader, ...asWriter, ...ca, ...paths])).code).toBe(1);
    expect(to.requests).toEqual([]);
    const trusting = [...ca, '--destination-insecure'];
    expect(await run(['copy', ...asReader, ...asWriter, ...trusting, ...paths])).toMatchObject({ code: 0 });
  });

  it('that cannot be read are named with their flag', async () => {
    await using from = await source({ tls: true });
    await writeFile(join(home, 'der'), Buffer.from([0x30, 0x82]));
    for (const [file, words] of [
      [join(home, 'none'), '--source-ca-file'],
      [join(home, 'der'), 'PEM'],
    ]) {
      const { code, stderr } = await run(['copy', `--source-ca-file=${file}`, `${from.host}/a:v1`, 'oci:x:y']);
      expect(code).toBe(1);
      expect(stderr).toContain(words);
      expect(stderr).toContain(file);
    }
  });
});

async function source(options: SimulateOptions = {}): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry({ ...closed, users: reader, ...options });
  await pushImage(await registry.content('a'), image, 'v1');
  return registry;
}

async function copies(
  from: SimulatedRegistry,
  to: SimulatedRegistry,
  flags: readonly string[],
  input = '',
): Promise<void> {
  const result = await run(['copy', ...flags, `${from.host}/a:v1`, `${to.host}/b:v1`], input);
  expect(result).toMatchObject({ code: 0 });
  expect(await (await to.content('b')).resolve('v1')).toEqual(image.target);
}

async function run(args: readonly string[], input = ''): Promise<InProcessResult> {
  return craneInProcess(args, { home, input });
}

/** `user:password` of everybody who showed up at a registry and its token server. */
function usersAt({ requests }: SimulatedRegistry): ReadonlySet<string> {
  const shown = requests.flatMap(({ headers }) => /^Basic (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? []);
  return new Set(shown.map((text) => Buffer.from(text, 'base64').toString()));
}
