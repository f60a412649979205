import { describe, expect, it } from 'vitest';
import { testContentStore } from '../../test/conformance/content-store.ts';
import { blobOf, imageOf, pushImage } from '../../test/conformance/samples.ts';
import { collect, streamOf } from '../content/bytes.ts';
import { AttachedSource } from './attached-source.ts';
import { isMade } from './capabilities.ts';
import { JoinedSource } from './joined-source.ts';
import { MemoryStore } from './memory.ts';
import { OverlayStore } from './overlay.ts';

testContentStore('OverlayStore', () => new OverlayStore(new MemoryStore(), new MemoryStore()));

describe('an overlay', () => {
  it('reads from below what is not above', async () => {
    const [upper, lower] = [new MemoryStore(), new MemoryStore()];
    const store = new OverlayStore(upper, lower);
    const image = imageOf('below');
    await pushImage(lower, image, 'v1');
    expect(await store.resolve('v1')).toEqual(image.target);
    expect(await store.stat(image.target)).toEqual(image.target);
    expect(Buffer.from(await collect(await store.fetch(image.target), 10_000))).toEqual(Buffer.from(image.bytes));
  });

  it('never writes below', async () => {
    const [upper, lower] = [new MemoryStore(), new MemoryStore()];
    const store = new OverlayStore(upper, lower);
    const [below, above] = [imageOf('below'), imageOf('above')];
    await pushImage(lower, below, 'v1');
    await pushImage(store, above, 'v1');
    expect(await store.resolve('v1')).toEqual(above.target);
    expect(await lower.resolve('v1')).toEqual(below.target);
    expect(await lower.stat(above.target)).toBeUndefined();
  });

  it('tells what was made, whatever lies between', async () => {
    const [below, made, top] = [imageOf('below'), imageOf('made'), imageOf('top')];
    const lower = new MemoryStore();
    await pushImage(lower, below);
    const store = new OverlayStore(new MemoryStore(), lower);
    await pushImage(store, made);
    const added = { descriptor: blobOf('layer').target, content: { open: async () => streamOf([]) } };
    const stack = new OverlayStore(new MemoryStore(), new JoinedSource([new AttachedSource([added], store)]));
    await pushImage(stack, top);
    expect(await isMade(stack, top.target)).toBe(true);
    expect(await isMade(stack, made.target)).toBe(true);
    expect(await isMade(stack, below.target)).toBe(false);
    expect(await isMade(stack, added.descriptor)).toBe(false);
    expect(await isMade(lower, below.target)).toBe(false);
  });

  it('takes a manifest up to give it a tag', async () => {
    const [upper, lower] = [new MemoryStore(), new MemoryStore()];
    const store = new OverlayStore(upper, lower);
    const image = imageOf('below');
    await pushImage(lower, image);
    await store.tag(image.target, 'new');
    expect(await upper.resolve('new')).toEqual(image.target);
    await expect(lower.resolve('new')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('passes on failures of the upper store other than absence', async () => {
    const failure = new Error('broken');
    const upper = new MemoryStore();
    upper.resolve = () => Promise.reject(failure);
    await expect(new OverlayStore(upper, new MemoryStore()).resolve('v1')).rejects.toBe(failure);
  });

  it('keeps blobs pushed to it above', async () => {
    const [upper, lower] = [new MemoryStore(), new MemoryStore()];
    const blob = blobOf('above');
    await new OverlayStore(upper, lower).push(blob.target, blob.bytes);
    expect(await upper.stat(blob.target)).toEqual(blob.target);
    expect(await lower.stat(blob.target)).toBeUndefined();
  });
});
