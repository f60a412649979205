import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamOf } from '../../src/content/bytes.ts';
import { crane } from '../support/command.ts';
import { startCraneRegistry } from '../support/crane-registry.ts';
import { dockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { readEntries } from '../support/layer-stack.ts';
import { loadLayout } from '../support/load-layout.ts';
import { projectRoot } from '../support/paths.ts';
import { describeWith } from '../support/requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

/** One command line of the real crane, and what came of it. `$R`, `$F`, `$W` stand for registry, files, work directory. */
interface Transcript {
  readonly name: string;
  readonly args: readonly string[];
  readonly exit: number;
  readonly stdout: string;
  readonly stdin?: string;
  readonly refs?: Readonly<Record<string, RecordedImage>>;
  readonly file?: Readonly<Record<string, string>>;
}

/** What a tag named afterwards. */
interface RecordedImage {
  readonly manifest?: string;
  readonly config?: string;
  /** What is the same however layers are compressed. */
  readonly semantic?: object;
}

const vectors = join(projectRoot, 'test/vectors/transcripts');
const transcripts = JSON.parse(readFileSync(join(vectors, 'cases.json'), 'utf8')) as readonly Transcript[];

const inputs: Readonly<Record<string, string | Uint8Array>> = {
  'the text secret and a newline': 'secret\n',
  '$F/cfg.tar': readFileSync(join(vectors, 'files/cfg.tar')),
};

interface Server {
  readonly address: string;
  stop(): Promise<unknown>;
}

describe('transcripts of crane against our registry', () => replay(() => startCraneRegistry(), { deletesTags: true }));

describeWith([dockerRegistry], 'transcripts of crane against distribution', () =>
  replay(() => startDockerRegistry(), { deletesTags: false }),
);

function replay(start: () => Promise<Server>, { deletesTags }: { readonly deletesTags: boolean }): void {
  let server: Server;
  let work: TemporaryDirectory;

  beforeAll(async () => {
    [server, work] = await Promise.all([start(), temporaryDirectory()]);
    const base = `http://${server.address}`;
    for (const repository of ['app', 'multi', 'many', 'base', 'art']) {
      await loadLayout(join(vectors, 'registry', repository), base, repository);
    }
    // `ls` was recorded with this tag, whose image is not among the recorded content.
    await crane(['tag', `${server.address}/app:oci`, 'annotated']);
  });
  afterAll(async () => {
    await server.stop();
    await work.remove();
  });

  it.each(transcripts.map((transcript) => [transcript.name, transcript] as const))('%s', async (_, transcript) => {
    const args = await Promise.all(transcript.args.map(fill));
    const input = transcript.stdin === undefined ? '' : (inputs[transcript.stdin] ?? '');
    const result = await crane(args, { home: work.path, cwd: work.path, input });
    const ourExit = deletesTags && args[0] === 'delete' ? 0 : transcript.exit;
    expect({ exit: result.code, stderr: result.stderr }).toMatchObject({ exit: ourExit });
    if (ourExit === 1) expect(result.stderr).toMatch(/^Error: /m);
    const expected = Buffer.from(await fill(transcript.stdout));
    expect(await stdoutOf(args, result.stdoutBytes)).toEqual(await stdoutOf(args, expected));
    for (const [reference, expected] of Object.entries(transcript.refs ?? {}))
      await checkReference(reference, expected);
    for (const [path, expected] of Object.entries(transcript.file ?? {})) {
      expect(await readFile(work.file(path), 'utf8')).toBe(await fill(expected));
    }
  });

  async function fill(text: string): Promise<string> {
    let filled = text
      .replaceAll('$R', server.address)
      .replaceAll('$F', join(vectors, 'files'))
      .replaceAll('$W', work.path);
    for (const [placeholder, reference = ''] of text.matchAll(/\$DIGEST\(([^)]+)\)/g)) {
      filled = filled.replace(placeholder, `sha256:${sha256(await manifestOf(reference))}`);
    }
    for (const [placeholder, reference = '', i = ''] of text.matchAll(/\$LAYER\(([^,]+),(\d+)\)/g)) {
      const { layers } = JSON.parse(await manifestOf(reference)) as {
        readonly layers: readonly { readonly digest: string }[];
      };
      filled = filled.replace(placeholder, layers[Number(i)]?.digest ?? '');
    }
    return filled;
  }

  async function checkReference(reference: string, expected: RecordedImage): Promise<void> {
    const text = await manifestOf(reference);
    if (expected.manifest !== undefined) expect(text).toBe(expected.manifest);
    if (expected.config === undefined && expected.semantic === undefined) return;
    const manifest = JSON.parse(text) as { readonly config: { readonly digest: string } };
    const config = await get(`${reference.split(':')[0]}/blobs/${manifest.config.digest}`);
    if (expected.config !== undefined) expect(config).toBe(expected.config);
    if (expected.semantic !== undefined) expect(semanticsOf(manifest, JSON.parse(config))).toEqual(expected.semantic);
  }

  async function manifestOf(reference: string): Promise<string> {
    const [repository = '', tag = ''] = reference.split(':');
    return get(`${repository}/manifests/${tag}`);
  }

  async function get(path: string): Promise<string> {
    const accept = [
      'oci.image.index.v1',
      'oci.image.manifest.v1',
      'docker.distribution.manifest.list.v2',
      'docker.distribution.manifest.v2',
    ];
    const answer = await fetch(`http://${server.address}/v2/${path}`, {
      headers: { accept: accept.map((type) => `application/vnd.${type}+json`).join(',') },
    });
    return answer.ok ? answer.text() : `status ${answer.status}`;
  }
}

/** Blobs were recorded by their digest; `ls` has no order; the help in front of an error is worded by each tool. */
async function stdoutOf(args: readonly string[], stdout: Uint8Array): Promise<unknown> {
  const text = Buffer.from(stdout).toString();
  if (args[0] === 'export' && stdout.length > 0) return entriesOf(text, stdout);
  if (args[0] === 'blob') return text.startsWith('sha256:') ? text : `sha256:${sha256(stdout)}`;
  if (args[0] === 'ls') return text.split('\n').toSorted();
  if (args.length === 1 && args[0] === 'digest') return /\n\nUsage:\n {2}crane digest IMAGE \[flags\]\n/.test(text);
  // Plain layers are compressed by each tool in its own way.
  if (args[0] === 'append' && args.some((arg) => arg === '-' || arg.endsWith('/cfg.tar'))) {
    return text.replace(/sha256:[0-9a-f]{64}/, 'sha256:*');
  }
  return text;
}

function semanticsOf(manifest: object, config: unknown): object {
  const { layers } = manifest as { readonly layers: readonly unknown[] };
  const { os, architecture, rootfs, ...rest } = config as {
    readonly os: string;
    readonly architecture: string;
    readonly rootfs: { readonly diff_ids: readonly string[] };
    readonly config: object;
  };
  return { layers: layers.length, os, arch: architecture, diffs: rootfs.diff_ids, config: rest.config };
}

/**
 * The entries of an archive, or those that were noted of one. Sorted: crane goes through the layers from the top down, so that
 * files come before their directories and links before their targets (flaw 7).
 */
async function entriesOf(text: string, bytes: Uint8Array): Promise<unknown> {
  if (!text.startsWith('[') && bytes.length % 512 !== 0) return text;
  const entries = text.startsWith('[')
    ? (JSON.parse(text) as readonly { readonly name: string }[])
    : (await readEntries(streamOf(bytes))).map(({ header, body }) => ({
        name: header.name,
        type: header.typeflag,
        mode: header.mode.toString(8).padStart(7, '0'),
        link: header.linkname,
        size: header.size,
        sha: sha256(Buffer.from(body, 'latin1')).slice(0, 12),
      }));
  return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
