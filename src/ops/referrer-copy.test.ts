import { describe, expect, it } from 'vitest';
import { blobOf, imageOf, pushImage, type SampleImage } from '../../test/conformance/samples.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { openOciArchive } from '../archive/oci-archive.ts';
import { writeOciArchive } from '../archive/oci-archive-writer.ts';
import type { ByteSource, ByteStream } from '../content/bytes.ts';
import { OciError } from '../errors.ts';
import { createLayout } from '../layout/layout-store.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { referrersTag } from '../oci/referrer.ts';
import type { CallOptions } from '../options.ts';
import { MemoryStore } from '../store/memory.ts';
import type { ProgressEvent } from '../store/progress.ts';
import type { ContentSource } from '../store/store.ts';
import { CopyPlan } from './copy-plan.ts';
import { copyGraph } from './copy.ts';
import { GraphCopy } from './graph-copy.ts';

const signature = 'application/vnd.example.signature';
const sbom = 'application/vnd.example.sbom';

interface Sample {
  readonly store: MemoryStore;
  readonly image: SampleImage;
  readonly sbom: SampleImage;
  readonly signature: SampleImage;
  readonly sbomSignature: SampleImage;
}

/** An image with an SBOM and a signature, and the SBOM is signed as well. */
async function signedImage(): Promise<Sample> {
  const store = new MemoryStore();
  const image = imageOf('image');
  const refer = (name: string, subject: SampleImage, artifactType: string): SampleImage =>
    imageOf(name, { artifactType, subject: subject.target, annotations: { name } });
  const list = refer('sbom', image, sbom);
  const samples = {
    image,
    sbom: list,
    signature: refer('signature', image, signature),
    sbomSignature: refer('signature of the sbom', list, signature),
  };
  for (const sample of Object.values(samples)) await pushImage(store, sample);
  await store.tag(image.target, 'v1');
  return { store, ...samples };
}

async function digestsOf(store: MemoryStore, subject: ContentId): Promise<readonly string[]> {
  return (await store.referrers(subject)).map(({ digest }) => digest).toSorted();
}

function sorted(...samples: readonly SampleImage[]): readonly string[] {
  return samples.map(({ target }) => target.digest).toSorted();
}

/** Notes the order in which manifests come. */
class Recorder extends MemoryStore {
  readonly pushed: string[] = [];
  refuse: string | undefined;
  delay: string | undefined;

  override async push(expected: Descriptor, content: ByteSource, options?: CallOptions): Promise<void> {
    if (expected.digest === this.refuse) throw new OciError('UNSUPPORTED', 'That kind is not taken here');
    for (let i = 0; expected.digest === this.delay && i < 20; i++) await new Promise(setImmediate);
    await super.push(expected, content, options);
    if (expected.mediaType === mediaTypes.ociManifest) this.pushed.push(expected.digest);
  }
}

describe('copyGraph() with referrers', () => {
  it('copies what refers to the root, and what refers to that, after their subjects', async () => {
    const from = await signedImage();
    const sink = new Recorder();
    sink.delay = from.image.target.digest;
    const summary = await copyGraph(from.store, sink, from.image.target, { tag: 'v1', referrers: true });
    expect(summary).toMatchObject({ referrers: 3, manifests: 4 });
    expect(await digestsOf(sink, from.image.target)).toEqual(sorted(from.sbom, from.signature));
    expect(await digestsOf(sink, from.sbom.target)).toEqual(sorted(from.sbomSignature));
    const at = ({ target }: SampleImage): number => sink.pushed.indexOf(target.digest);
    expect(at(from.image)).toBe(0);
    expect(at(from.sbomSignature)).toBeGreaterThan(at(from.sbom));
  });

  it('follows every manifest of an index', async () => {
    const { store, image, sbom: list, signature: seal } = await signedImage();
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [image.target] };
    const root = await store.add(Buffer.from(JSON.stringify(document)), mediaTypes.ociIndex);
    const sink = new MemoryStore();
    await copyGraph(store, sink, root, { tag: 'v1', referrers: true });
    expect(await digestsOf(sink, image.target)).toEqual(sorted(list, seal));
    const late = imageOf('late', { artifactType: sbom, subject: image.target });
    await pushImage(store, late);
    await copyGraph(store, sink, root, { tag: 'v1', referrers: true, trustManifests: true });
    expect(await digestsOf(sink, image.target)).toEqual(sorted(list, seal, late));
  });

  it('takes chosen kinds only, with everything behind them', async () => {
    const from = await signedImage();
    const sink = new MemoryStore();
    await copyGraph(from.store, sink, from.image.target, { referrers: { artifactTypes: [sbom] } });
    expect(await digestsOf(sink, from.image.target)).toEqual(sorted(from.sbom));
    expect(await digestsOf(sink, from.sbom.target)).toEqual(sorted(from.sbomSignature));
  });

  it('fails with a referrer that is refused, and names it', async () => {
    const from = await signedImage();
    const sink = new Recorder();
    sink.refuse = from.signature.target.digest;
    await expect(copyGraph(from.store, sink, from.image.target, { referrers: true })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: `The referrer ${from.signature.target.digest} (${signature}) of ${from.image.target.digest} cannot be copied: writing to the target: that kind is not taken here`,
      hint: expect.stringContaining('--referrers=best-effort'),
    });
  });

  it('goes on at its best effort, and says what was left out', async () => {
    const from = await signedImage();
    const sink = new Recorder();
    sink.refuse = from.signature.target.digest;
    const events: ProgressEvent[] = [];
    const options = { referrers: { bestEffort: true }, onProgress: (event: ProgressEvent) => void events.push(event) };
    expect(await copyGraph(from.store, sink, from.image.target, options)).toMatchObject({ referrers: 2 });
    expect(await digestsOf(sink, from.image.target)).toEqual(sorted(from.sbom));
    expect(events.filter(({ type }) => type === 'warning')).toEqual([
      { type: 'warning', message: expect.stringContaining(from.signature.target.digest) },
    ]);
  });

  it('leaves nothing running when it goes on at its best effort', async () => {
    const subject = imageOf('subject');
    const seal = imageOf('seal', { artifactType: signature, subject: subject.target });
    const [lost, slow] = seal.blobs;
    let running = 0;
    class Slow extends MemoryStore {
      override async fetch(target: Descriptor, options?: CallOptions): Promise<ByteStream> {
        running++;
        for (let i = 0; target.digest === slow?.target.digest && i < 20; i++) await new Promise(setImmediate);
        running--;
        return super.fetch(target, options);
      }
    }
    const from = new Slow();
    for (const image of [subject, seal]) await pushImage(from, image);
    if (lost !== undefined) await from.deleteBlob(lost.target.digest);
    expect(await copyGraph(from, new MemoryStore(), subject.target, { referrers: { bestEffort: true } })).toMatchObject(
      { referrers: 0 },
    );
    expect(running).toBe(0);
  });

  it('come with another tag of their subject when the first cannot be written', async () => {
    const from = await signedImage();
    class Immutable extends MemoryStore {
      override async tag(target: Descriptor, reference: string, options?: CallOptions): Promise<void> {
        if (reference === 'fixed') throw new OciError('DENIED', 'The tag is immutable');
        await super.tag(target, reference, options);
      }
    }
    const sink = new Immutable();
    const copy = new GraphCopy(from.store, sink, { keepGoing: true, referrers: true });
    const [first, second] = await Promise.allSettled(['fixed', 'free'].map((tag) => copy.copy(from.image.target, tag)));
    expect([first?.status, second?.status]).toEqual(['rejected', 'fulfilled']);
    expect(await digestsOf(sink, from.image.target)).toEqual(sorted(from.sbom, from.signature));
  });

  it('stops at the limits of depth and number', async () => {
    const from = await signedImage();
    for (const limit of [{ maxDepth: 1 }, { maxCount: 1 }]) {
      const copy = copyGraph(from.store, new MemoryStore(), from.image.target, { referrers: limit });
      await expect(copy).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    }
  });

  it('does not go in circles, and leaves out what names another subject or is not there', async () => {
    const from = await signedImage();
    const gone = imageOf('gone', { subject: from.image.target });
    class Liar extends MemoryStore {
      override async referrers(): Promise<readonly Descriptor[]> {
        return [from.sbom.target, from.image.target, from.sbomSignature.target, gone.target];
      }
    }
    const source = new Liar();
    for (const sample of [from.image, from.sbom, from.sbomSignature]) await pushImage(source, sample);
    const warnings: string[] = [];
    const sink = new MemoryStore();
    await copyGraph(source, sink, from.image.target, {
      referrers: true,
      onProgress: (event) => event.type === 'warning' && warnings.push(event.message),
    });
    expect(await digestsOf(sink, from.image.target)).toEqual(sorted(from.sbom));
    expect(await digestsOf(sink, from.sbom.target)).toEqual(sorted(from.sbomSignature));
    expect(warnings.some((message) => message.includes('does not name this manifest as its subject'))).toBe(true);
    expect(warnings.some((message) => message.endsWith('is listed, but not there'))).toBe(true);
  });

  it('sends a referrer again that is at the target and missing in its list', async () => {
    const from = await signedImage();
    class Forgetful extends MemoryStore {
      readonly forgotten = new Set<string>();
      readonly again: string[] = [];

      override async push(expected: Descriptor, content: ByteSource, options?: CallOptions): Promise<void> {
        if (this.forgotten.delete(expected.digest)) this.again.push(expected.digest);
        await super.push(expected, content, options);
      }

      override async referrers(subject: ContentId): Promise<readonly Descriptor[]> {
        return (await super.referrers(subject)).filter(({ digest }) => !this.forgotten.has(digest));
      }
    }
    const sink = new Forgetful();
    await copyGraph(from.store, sink, from.image.target, { referrers: true });
    sink.forgotten.add(from.signature.target.digest);
    await copyGraph(from.store, sink, from.image.target, { referrers: true });
    expect(sink.again).toEqual([from.signature.target.digest]);
  });

  it('needs a source that knows of referrers', async () => {
    const from = await signedImage();
    const { store } = from;
    const blind: ContentSource = {
      resolve: (reference, options) => store.resolve(reference, options),
      stat: (content, options) => store.stat(content, options),
      fetch: (target, options) => store.fetch(target, options),
    };
    await expect(copyGraph(blind, new MemoryStore(), from.image.target, { referrers: true })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});

describe('a layout between two registries', () => {
  it('keeps referrers, as entries for ORAS and under the referrers tag for regctl', async () => {
    const from = await signedImage();
    const layout = await createLayout(await testDirectory());
    for (let i = 0; i < 2; i++) {
      await copyGraph(from.store, layout, from.image.target, { tag: 'v1', referrers: true });
    }
    const entries = await layout.entries();
    expect(entries.map(({ digest }) => digest)).toEqual(
      expect.arrayContaining([...sorted(from.sbom, from.signature, from.sbomSignature)]),
    );
    expect(entries).toHaveLength(6);
    const list = await layout.resolve(referrersTag(from.image.target.digest));
    expect(list.mediaType).toBe(mediaTypes.ociIndex);
    expect(await layout.resolveSingle()).toMatchObject(from.image.target);
    const back = new MemoryStore();
    await copyGraph(layout, back, from.image.target, { tag: 'v1', referrers: true });
    for (const subject of [from.image, from.sbom]) {
      expect(await digestsOf(back, subject.target)).toEqual(await digestsOf(from.store, subject.target));
      expect((await layout.referrers(subject.target)).toSorted(byDigest)).toEqual(
        (await from.store.referrers(subject.target)).toSorted(byDigest),
      );
    }
  });

  it('begins a list anew where what is under its name is lost or no list', async () => {
    const from = await signedImage();
    const layout = await createLayout(await testDirectory());
    const name = referrersTag(from.image.target.digest);
    await pushImage(layout, from.sbom, name);
    await copyGraph(from.store, layout, from.image.target, { tag: 'v1', referrers: true });
    const list = await layout.resolve(name);
    expect(list.mediaType).toBe(mediaTypes.ociIndex);
    await layout.deleteBlob(list.digest);
    await copyGraph(from.store, layout, from.image.target, { tag: 'v1', referrers: true });
    expect((await layout.referrers(from.image.target)).map(({ digest }) => digest).toSorted()).toEqual(
      sorted(from.sbom, from.signature),
    );
    expect(await layout.resolve(name)).toEqual(list);
  });

  it('finds what other programs have listed in one way only', async () => {
    const from = await signedImage();
    const oras = await createLayout(await testDirectory());
    await copyGraph(from.store, oras, from.image.target, { tag: 'v1' });
    await copyGraph(from.store, oras, from.signature.target);
    await oras.append(from.signature.target);
    expect(await oras.referrers(from.image.target)).toMatchObject([from.signature.target]);
    const regctl = await createLayout(await testDirectory());
    await copyGraph(from.store, regctl, from.image.target, { tag: 'v1' });
    await copyGraph(from.store, regctl, from.signature.target);
    const list = blobOf(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [from.signature.target] }),
      mediaTypes.ociIndex,
    );
    await regctl.push(list.target, list.bytes);
    await regctl.tag(list.target, referrersTag(from.image.target.digest));
    expect(await regctl.referrers(from.image.target)).toMatchObject([from.signature.target]);
    expect(await regctl.referrers(from.image.target, { artifactType: 'other' })).toEqual([]);
  });

  it('may be in an archive', async () => {
    const from = await signedImage();
    const plan = new CopyPlan();
    await copyGraph(from.store, plan, from.image.target, { tag: 'v1', referrers: true });
    const path = `${await testDirectory()}/archive.tar`;
    const { store } = from;
    await writeOciArchive(path, [{ artifact: { store, root: from.image.target }, refName: 'v1' }], {
      referrers: plan.referrers.map((referrer) => Object.assign({ store }, referrer)),
    });
    await using archive = await openOciArchive(path);
    expect(await archive.resolveSingle()).toMatchObject(from.image.target);
    const back = new MemoryStore();
    await copyGraph(archive, back, await archive.resolve('v1'), { tag: 'v1', referrers: true });
    expect(await digestsOf(back, from.image.target)).toEqual(sorted(from.sbom, from.signature));
    expect(await digestsOf(back, from.sbom.target)).toEqual(sorted(from.sbomSignature));
  });
});

function byDigest(a: Descriptor, b: Descriptor): number {
  return a.digest < b.digest ? -1 : 1;
}
