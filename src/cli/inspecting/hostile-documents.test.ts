import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imageOfDocuments } from '../../../test/support/golden-operations.ts';
import { describeBytes } from '../../content/hash.ts';
import { isOciError } from '../../errors.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { inspectImage } from '../../ops/inspect/inspect-image.ts';
import type { ImageSummary } from '../../ops/inspect/summary.ts';
import { noLimits, usualLimits } from './lines.ts';
import { summaryJson } from './summary-json.ts';
import { summaryText } from './summary-text.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('', '\u001b[2J', 'a\r\nName:  b', '__proto__', 'x'.repeat(500), '\u{1f600}'.repeat(80), '\u009b1m'),
);
const texts = fc.array(text, { maxLength: 4 });
const map = fc.dictionary(text, text, { maxKeys: 4 });
const size = fc.oneof(fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER));
const time = fc.constantFrom('0001-01-01T00:00:00Z', '2024-01-15T10:00:00+02:00', '9999-12-31T23:59:59.999999999Z');
const digest = fc.constantFrom('a', 'b', 'c').map((name) => describeBytes(Buffer.from(name), '').digest);
const mediaType = fc.oneof(fc.constantFrom(...Object.values(mediaTypes)), text);
const platform = fc.record({ os: text, architecture: text, variant: text, 'os.version': text }, { requiredKeys: [] });

const descriptor = fc.record(
  { mediaType, digest, size, annotations: map, urls: texts, artifactType: text, platform },
  { requiredKeys: ['mediaType', 'digest', 'size'] },
);
const step = fc.record(
  { created: time, created_by: text, author: text, comment: text, empty_layer: fc.boolean() },
  { requiredKeys: [] },
);
const settings = fc.record(
  {
    User: text,
    Entrypoint: texts,
    Cmd: fc.option(texts),
    Env: texts,
    Labels: map,
    ExposedPorts: fc.dictionary(text, fc.constant({})),
    StopSignal: text,
    Healthcheck: fc.record({ Test: texts, Interval: fc.maxSafeInteger(), Retries: fc.integer() }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const config = fc.record(
  {
    os: text,
    architecture: text,
    created: time,
    author: text,
    config: fc.option(settings),
    history: fc.option(fc.array(step, { maxLength: 4 })),
    rootfs: fc.option(fc.record({ type: text, diff_ids: fc.array(digest, { maxLength: 4 }) })),
  },
  { requiredKeys: [] },
);
const image = fc.record(
  { layers: fc.array(descriptor, { maxLength: 4 }), annotations: map, artifactType: text, subject: descriptor },
  { requiredKeys: ['layers'] },
);
const index = fc.record(
  { manifests: fc.array(descriptor, { maxLength: 4 }), annotations: map, artifactType: text },
  { requiredKeys: ['manifests'] },
);

/** What is printed of documents; `undefined` where they are refused. */
async function summaryOf(task: () => Promise<ImageSummary>): Promise<ImageSummary | undefined> {
  try {
    return await task();
  } catch (error) {
    if (isOciError(error)) return undefined;
    throw error;
  }
}

function isPrintable(summary: ImageSummary | undefined): void {
  if (summary === undefined) return;
  for (const limits of [usualLimits, noLimits]) {
    const printed = summaryText('app', summary, limits);
    expect(printed.match(/^Name:/gm)?.length).toBe(1);
    // oxlint-disable-next-line no-control-regex
    expect(printed).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    for (const line of printed.split('\n')) expect(line.length).toBeLessThanOrEqual(limits.width);
  }
  const { labels } = JSON.parse(summaryJson('app', summary)) as { readonly labels?: object };
  if (summary.kind === 'image') expect(Object.keys(labels ?? {}).length).toBe(Object.keys(summary.labels).length);
}

describe('what is printed of hostile documents', () => {
  it('is harmless, and never an error of the program, for images', async () => {
    await fc.assert(
      fc.asyncProperty(config, image, async (configuration, manifest) => {
        const made = await imageOfDocuments(JSON.stringify(configuration), manifest);
        isPrintable(await summaryOf(() => inspectImage(made)));
      }),
      { numRuns: 200 },
    );
  });

  it('is harmless, and never an error of the program, for indexes', async () => {
    await fc.assert(
      fc.asyncProperty(index, fc.boolean(), async (document, sizes) => {
        const { store } = await imageOfDocuments('{}');
        const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, ...document }));
        const root = await store.add(bytes, mediaTypes.ociIndex);
        isPrintable(await summaryOf(() => inspectImage({ store, root }, { sizes })));
      }),
      { numRuns: 200 },
    );
  });
});
