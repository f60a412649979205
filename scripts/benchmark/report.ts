import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { type Measurement, measuresMemory, median } from './measure.ts';
import type { Operation } from './operations.ts';
import { ours, reference, type Tool } from './tools.ts';

/** Measurements of one operation by tool, or why there are none. */
export type Row = ReadonlyMap<string, readonly Measurement[] | string>;

export interface Report {
  readonly tools: readonly Tool[];
  readonly images: readonly string[];
  readonly rows: readonly (readonly [Operation, Row])[];
  /** By operation and tool, where they were counted. */
  readonly requests: ReadonlyMap<Operation, ReadonlyMap<string, number | string>>;
  /** What was left out, and why. */
  readonly skipped: readonly string[];
}

const opening = '<!-- benchmark: written by npm run bench -->';
const closing = '<!-- /benchmark -->';

export function formatReport({ tools, images, rows, requests, skipped }: Report): string {
  const names = tools.filter(({ dialect }) => dialect !== 'node').map(({ name }) => name);
  const header = ['Operation', ...names, `${ours} / ${reference}`];
  const lines = rows.map(([operation, row]) => [
    operation.name,
    ...names.map((name) => cell(row.get(name), requests.get(operation)?.get(name))),
    ratio(row, operation),
  ]);
  const table = [header, header.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
  return [...circumstances(tools, images), '', ...table, ...startUp(rows), ...edit(rows), ...skipped, ''].join('\n');
}

/** Replaces what stands between the markers, or adds a section at the end. */
export function writeReport(file: string, text: string): void {
  const section = `${opening}\n\n${text}\n${closing}`;
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '# Performance\n';
  const [from, to] = [before.indexOf(opening), before.indexOf(closing)];
  const replaced =
    from === -1 || to === -1
      ? `${before.trimEnd()}\n\n${section}\n`
      : before.slice(0, from) + section + before.slice(to + closing.length);
  writeFileSync(file, replaced);
}

function circumstances(tools: readonly Tool[], images: readonly string[]): readonly string[] {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${cpu?.model.trim()}, ${cpus().length} cores, ${memory} GiB, ${process.platform}.`,
    `Tools: ${tools.map(({ name, version }) => `${name} ${version}`).join(', ')}.`,
    `Images: ${images.join('; ')}. Registries: two docker-registry (distribution 2.8) on loopback.`,
    'skopeo remembers which blobs a registry has, so after its first push it mounts them where the others upload.',
    'Cells: median wall time in seconds, the fastest run in parentheses, peak resident memory in MB. Runs of the tools alternate.',
  ];
}

function cell(measured: readonly Measurement[] | string | undefined, requests?: number | string): string {
  if (measured === undefined) return '–';
  if (typeof measured === 'string') return `failed: ${measured.replaceAll('|', '/').slice(0, 60)}`;
  const walls = measured.map(({ wall }) => wall);
  const memory = Math.round(median(measured.map((one) => one.memory)) / 1_000_000);
  const sent = requests === undefined ? '' : `, ${requests} requests`;
  return `${seconds(median(walls))} (${seconds(Math.min(...walls))})${measuresMemory ? `, ${memory} MB` : ''}${sent}`;
}

function ratio(row: Row, { limit, beside = reference }: Operation): string {
  const [own, theirs] = [row.get(ours), row.get(beside)];
  if (!Array.isArray(own) || !Array.isArray(theirs)) return '–';
  const part = `${(medianWall(own) / medianWall(theirs)).toFixed(2)} ×${beside === reference ? '' : ` ${beside}`}`;
  return limit === undefined ? part : `${part} (limit ${limit})`;
}

/** How much of our start is the runtime's own. */
function startUp(rows: Report['rows']): readonly string[] {
  for (const [, row] of rows) {
    const [own, bare] = [row.get(ours), row.get('node -e 0')];
    if (!Array.isArray(own) || !Array.isArray(bare)) continue;
    const [ownWall, bareWall] = [medianWall(own), medianWall(bare)];
    const difference = Math.round((ownWall - bareWall) * 1000);
    return ['', `\`node -e 0\` takes ${seconds(bareWall)} s; \`${ours} version\` ${difference} ms more.`];
  }
  return [];
}

/** How much of an edit is our own work and the registry's. */
function edit(rows: Report['rows']): readonly string[] {
  const ofOurs = (name: string): number | undefined => {
    const measured = rows.find(([operation]) => operation.name.startsWith(name))?.[1].get(ours);
    return Array.isArray(measured) ? medianWall(measured) : undefined;
  };
  const [start, mutate] = [ofOurs('start'), ofOurs('mutate')];
  if (start === undefined || mutate === undefined) return [];
  return [
    `\`${ours} mutate\` of 50 layers takes ${Math.round((mutate - start) * 1000)} ms more than \`version\` (limit 60 ms).`,
  ];
}

function medianWall(measured: readonly Measurement[]): number {
  return median(measured.map(({ wall }) => wall));
}

function seconds(value: number): string {
  return value.toFixed(value < 0.1 ? 3 : 2);
}
