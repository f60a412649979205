import { readdir } from 'node:fs/promises';
import { discard } from '../../content/bytes.ts';
import type { ByteSource } from '../../content/bytes.ts';
import { OciError, quoted } from '../../errors.ts';
import type { LayoutStore } from '../../layout/layout-store.ts';
import type { ContentId, Descriptor } from '../../oci/descriptor.ts';
import { parseLayoutIndex } from '../../oci/image-layout.ts';
import type { ImageIndex } from '../../oci/manifest.ts';
import { emptyIndex } from '../../ops/empty.ts';
import { GraphCopy } from '../../ops/graph-copy.ts';
import { rawManifestOf } from '../../ops/read.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { SelfAware } from '../../store/capabilities.ts';
import type { ContentSink } from '../../store/store.ts';
import { logCopy } from '../copying/log.ts';
import type { Flag } from '../framework/flag.ts';
import { jsonFlag, printJson } from '../json-result.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { checkIndex, checkLayout, type IndexArgument, openIndexArgument } from './index-argument.ts';
import { publish } from './publish.ts';
import { openResultPlace } from './result-place.ts';

/** `--json` of commands that change an index. */
export const indexJsonFlag: Flag<boolean> = jsonFlag(
  'Print a JSON object: reference, digest, media type and size of the new index; of a layout as a whole its entries',
);

/** Makes another index of one; it may be called again when somebody else has changed the index meanwhile. */
export type IndexChange = (index: Artifact) => Promise<Artifact>;

export interface IndexPlaceOptions {
  /** `--tag`. @default in place of the index */
  readonly tag?: string | undefined;
  /** Whether a layout may be made that is not there. @default false */
  readonly createLayout?: boolean | undefined;
}

/**
 * Where the index of a command comes from and where it goes. Nothing is read yet; what is called changes it.
 *
 * @param source `undefined` for an empty index
 * @param empty its format
 */
export async function openIndexPlace(
  session: Session,
  source: IndexArgument | undefined,
  { tag = '', createLayout = false, empty }: IndexPlaceOptions & { readonly empty?: 'oci' | 'docker' | undefined },
): Promise<(change: IndexChange) => Promise<void>> {
  if (source?.kind === 'layout' && tag === '') return openLayoutPlace(session, source, createLayout);
  const location = source?.kind === 'location' ? source.location : undefined;
  const place = await openResultPlace(session, location, { tag });
  if (!(await place.holdsIndexes())) {
    const what = place.takesOneImage ? 'A docker archive' : 'This Docker engine';
    throw new OciError('UNSUPPORTED', `${what} cannot hold an index, and ${quoted(place.name)} is to be one`, {
      hint: 'Write an OCI archive (oci-archive:FILE) or a layout (oci:DIR:TAG)',
    });
  }
  return async (change) => {
    const index = source === undefined ? await emptyIndex({ format: empty }) : await openIndexArgument(session, source);
    if (source !== undefined) checkIndex(index, source.text);
    const result = await change(index);
    await step(`pushing ${place.name}`, () => publish(session, place, result));
  };
}

type LayoutArgument = IndexArgument & { readonly kind: 'layout' };

async function openLayoutPlace(
  session: Session,
  source: LayoutArgument,
  create: boolean,
): Promise<(change: IndexChange) => Promise<void>> {
  const { text } = source;
  if (!create) await checkLayout(source);
  const layout = await step(`loading ${text} as OCI layout`, () => openLayoutAt(session, source.path, create));
  session.use(await layout.announceWriter(session));
  return async (change) => {
    try {
      await step(`changing ${text}`, async () => {
        while (!(await changeLayout(session, layout, change)));
      });
    } catch (error) {
      await layout.discardUnfinished();
      throw error;
    }
  };
}

async function openLayoutAt(session: Session, path: string, create: boolean): Promise<LayoutStore> {
  const { openLayout, openOrCreateLayout } = await import('../../layout/layout-store.ts');
  const names = create ? await readdir(path).catch(() => []) : ['?'];
  // What is in a directory that is no layout belongs to something else.
  return names.length === 0 ? openOrCreateLayout(path, session) : openLayout(path, session);
}

/** @returns `false` when somebody else has changed the layout meanwhile */
async function changeLayout(session: Session, layout: LayoutStore, change: IndexChange): Promise<boolean> {
  const { signal } = session;
  const isNew = !(await layout.isThere(session));
  const before = isNew ? await emptyIndex() : await layout.indexArtifact(session);
  checkIndex(before, layout.path);
  const after = await change(before);
  const index = parseLayoutIndex(await rawManifestOf(after, session), quoted(layout.path));
  const isSame = after.root.digest === before.root.digest && !isNew;
  if (!isSame) {
    const sink = new LayoutContent(layout, after.root);
    const onProgress = logCopy(session, undefined);
    await new GraphCopy(after.store, sink, { signal, nonDistributable: true, onProgress }).copy(after.root);
    if (!(await layout.replaceIndex(isNew ? undefined : before.root.digest, index, session))) return false;
  }
  await tellChanged(session, layout, index, isSame);
  return true;
}

async function tellChanged(
  session: Session,
  { path }: LayoutStore,
  { manifests }: ImageIndex,
  isSame: boolean,
): Promise<void> {
  const { length } = manifests;
  if (!isSame) session.log.line(`changed ${path}: it lists ${length} ${length === 1 ? 'entry' : 'entries'}`);
  if (session.printsJson) await printJson(session, { reference: `oci:${path}`, manifests });
}

/** Takes all that an index lists into a layout, but not the index itself, which is to be its index.json. */
class LayoutContent implements ContentSink, SelfAware {
  readonly #layout: LayoutStore;
  readonly #index: Descriptor;

  constructor(layout: LayoutStore, index: Descriptor) {
    this.#layout = layout;
    this.#index = index;
  }

  async stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
    return content.digest === this.#index.digest ? undefined : this.#layout.stat(content, options);
  }

  async push(expected: Descriptor, content: ByteSource, options?: CallOptions): Promise<void> {
    if (expected.digest === this.#index.digest) return discard(content);
    await this.#layout.push(expected, content, options);
  }

  async tag(): Promise<void> {}

  readonly refusesIncomplete = false;

  isSameStore(source: unknown): boolean {
    return this.#layout.isSameStore(source);
  }
}
