import { type LinkedAbort, linkedAbort } from '../../async/linked-abort.ts';
import { Limiter } from '../../async/limiter.ts';
import { maxConfigSize, maxManifestSize } from '../../content/limit.ts';
import { collectVerified, VerifiedStream } from '../../content/verify.ts';
import { isOciError, OciError, quoted } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { algorithmOf, type DigestAlgorithm } from '../../oci/digest.ts';
import { type ImageConfig, parseImageConfig } from '../../oci/image-config.ts';
import { type ImageManifest, type Manifest, parseManifest } from '../../oci/manifest.ts';
import { isImageConfigType, isLayerType, isManifestType, isNonDistributableType } from '../../oci/media-type.ts';
import type { ProgressEvent } from '../../store/progress.ts';
import type { ContentSource } from '../../store/store.ts';
import type { ChildFilter } from '../copy-options.ts';
import { checkEmbedded } from './embedded.ts';
import { type Edge, type Finding, findingOf, newNode, type Node } from './findings.ts';
import { checkConfig, checkCounts, checkPlatform, diffIdsOf } from './image.ts';
import { checkLayer, type CheckedLayer } from './layer.ts';
import type { PathBudget } from './path-set.ts';

/** With defaults filled in. */
export interface ValidationSettings {
  readonly fast: boolean;
  readonly concurrency: number;
  readonly limit: number | undefined;
  readonly includeChild: ChildFilter | undefined;
  readonly onProgress: ((event: ProgressEvent) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Indexes may hold indexes; more levels than this are no image but an attack. */
const maxDepth = 8;
/** Documents are small, and so are the answers of `stat`. */
const smallConcurrency = 16;
/** Paths of layers that are read at the same time; they take at most 24 bytes each. */
const maxPaths = 1024 * 1024;
/** Real layers shrink to a third; gzip cannot do more than 1032 to one. */
const bytesPerByte = 200;
const alwaysBytes = 16 * 1024 ** 3;

/** Failures of the way to the content, not of the content. */
const transportCodes: ReadonlySet<string> = new Set([
  'NETWORK',
  'TIMEOUT',
  'UNAUTHORIZED',
  'DENIED',
  'RATE_LIMITED',
  'CREDENTIALS',
]);

/** What a document turned out to be. */
interface Read<T> {
  readonly node: Node;
  /** `undefined` when it is not there or no such document; that is among the findings. Rejects only when all ends. */
  readonly result: Promise<T | undefined>;
}

interface ReadManifest {
  readonly mediaType: string | undefined;
  /** Of an image. */
  readonly config: ImageConfig | undefined;
}

/** One walk over a graph, which looks at each content once however often it is named. */
export class Validation {
  manifests = 0;
  blobs = 0;
  /** That were read. */
  bytes = 0;
  readonly #store: ContentSource;
  readonly #settings: ValidationSettings;
  readonly #abort: LinkedAbort;
  readonly #large: Limiter;
  readonly #small = new Limiter(smallConcurrency);
  readonly #budget: PathBudget = { left: maxPaths };
  readonly #manifests = new Map<string, Read<ReadManifest>>();
  readonly #configs = new Map<string, Read<ImageConfig>>();
  readonly #layers = new Map<string, Read<CheckedLayer>>();
  readonly #opaque = new Map<string, Read<true>>();
  readonly #tasks: Promise<unknown>[] = [];

  constructor(store: ContentSource, settings: ValidationSettings) {
    this.#store = store;
    this.#settings = settings;
    this.#abort = linkedAbort(settings.signal);
    this.#large = new Limiter(settings.concurrency);
  }

  /** @throws what keeps the check from being made, when nothing is under way any more */
  async run(root: Descriptor): Promise<Node> {
    const start = newNode();
    try {
      this.#addManifest(start, '', root, 0);
      // Tasks begin others while they run.
      for (let i = 0; i < this.#tasks.length; i++) await this.#tasks[i]?.catch(() => {});
      this.#abort.signal.throwIfAborted();
    } finally {
      this.#abort.unlink();
    }
    return start.edges[0]?.node ?? start;
  }

  #addManifest(parent: Node, step: string, target: Descriptor, depth: number): Edge {
    const known = this.#once(this.#manifests, target, '', (node) => this.#readManifest(node, target, depth));
    const edge = this.#addEdge(parent, step, target, known.node);
    this.#later(async () => {
      const read = await known.result;
      if (read === undefined) return;
      const { mediaType: own, config } = read;
      if (own !== undefined && target.mediaType !== '' && own !== target.mediaType) {
        const message = `its mediaType is ${quoted(own)}, but its descriptor says ${quoted(target.mediaType)}`;
        edge.findings.push({ code: 'INVALID_MANIFEST', message, digest: target.digest });
      }
      if (config !== undefined && target.platform !== undefined) {
        edge.findings.push(...checkPlatform(config, target.platform, target.digest));
      }
    });
    return edge;
  }

  async #readManifest(node: Node, target: Descriptor, depth: number): Promise<ReadManifest | undefined> {
    this.manifests++;
    if (depth > maxDepth) {
      throw new OciError('LIMIT_EXCEEDED', `it is nested more than ${maxDepth} levels deep`);
    }
    const manifest = await this.#readDocument(target, maxManifestSize, (bytes) => parseManifest(bytes, target));
    if (manifest.kind === 'schema1') {
      throw new OciError(
        'UNSUPPORTED',
        'Docker schema 1 cannot be validated; push the image again with a current tool',
      );
    }
    checkManifest(node, target, manifest);
    const { mediaType, subject } = manifest.kind === 'image' ? manifest.image : manifest.index;
    if (subject !== undefined) this.#addSubject(node, subject);
    if (manifest.kind === 'image') return { mediaType, config: await this.#addImage(node, manifest.image) };
    for (const [i, child] of manifest.index.manifests.entries()) {
      if (this.#settings.includeChild?.(child, target) === false) continue;
      const step = `manifests[${i}]`;
      if (isManifestType(child.mediaType)) this.#addManifest(node, step, child, depth + 1);
      else if (isLayerType(child.mediaType)) this.#addLayer(node, step, child, 'sha256');
      else this.#addOpaque(node, step, child);
    }
    return { mediaType, config: undefined };
  }

  async #addImage(node: Node, image: ImageManifest): Promise<ImageConfig | undefined> {
    const { config: target, layers } = image;
    // What is no image's config may be anything, of any size.
    if (!isImageConfigType(target.mediaType)) this.#addOpaque(node, 'config', target);
    const config = isImageConfigType(target.mediaType) ? await this.#addConfig(node, image) : undefined;
    const diffIds = config && diffIdsOf(image, config);
    for (const [i, layer] of layers.entries()) {
      const step = `layers[${i}]`;
      if (!isLayerType(layer.mediaType)) {
        this.#addOpaque(node, step, layer);
        continue;
      }
      const diffId = diffIds?.[i];
      const { edge, result } = this.#addLayer(node, step, layer, diffId === undefined ? 'sha256' : algorithmOf(diffId));
      this.#later(async () => {
        const actual = (await result)?.diffId;
        if (actual === undefined || diffId === undefined || actual === diffId) return;
        const message = `the diff ID of ${layer.digest} is ${actual}, but the config says ${diffId}`;
        edge.findings.push({ code: 'DIGEST_MISMATCH', message, digest: layer.digest });
      });
    }
    return config;
  }

  async #addConfig(parent: Node, image: ImageManifest): Promise<ImageConfig | undefined> {
    const target = image.config;
    const { node, result } = this.#once(this.#configs, target, '', async (self) => {
      this.blobs++;
      const config = await this.#readDocument(target, maxConfigSize, (bytes) => parseImageConfig(bytes, target.digest));
      self.findings.push(...checkConfig(config, target.digest));
      return config;
    });
    const edge = this.#addEdge(parent, 'config', target, node);
    const config = await result;
    if (config !== undefined) edge.findings.push(...checkCounts(image, config));
    return config;
  }

  #addLayer(
    parent: Node,
    step: string,
    target: Descriptor,
    algorithm: DigestAlgorithm,
  ): { readonly edge: Edge; readonly result: Promise<CheckedLayer | undefined> } {
    const { node, result } = this.#once(this.#layers, target, algorithm, async (self) => {
      this.blobs++;
      const restricted = isNonDistributableType(target.mediaType);
      const { fast } = this.#settings;
      if (fast || restricted) {
        const found = await this.#stat(target);
        if (fast) self.findings.push(...checkPresence(target, found, restricted));
        if (fast || found === undefined) return undefined;
      }
      const { limit = Math.max(alwaysBytes, bytesPerByte * target.size) } = this.#settings;
      const { signal } = this.#abort;
      const options = { algorithm, budget: this.#budget, limit, signal };
      const checked = await this.#readBlob(target, (content) => checkLayer(content, target, options));
      self.findings.push(...checked.findings);
      return checked;
    });
    return { edge: this.#addEdge(parent, step, target, node), result };
  }

  #addOpaque(parent: Node, step: string, target: Descriptor): void {
    const { node } = this.#once(this.#opaque, target, '', async (self) => {
      this.blobs++;
      if (this.#settings.fast) self.findings.push(...checkPresence(target, await this.#stat(target), false));
      else await this.#readBlob(target, readToEnd);
      return undefined;
    });
    this.#addEdge(parent, step, target, node);
  }

  /** A subject need not be there (OCI distribution-spec, "Pushing Manifests with Subject"); if it is, it is what was named. */
  #addSubject(parent: Node, subject: Descriptor): void {
    const node = newNode();
    const edge = this.#addEdge(parent, 'subject', subject, node);
    this.#later(async () => {
      try {
        const own = await this.#readDocument(subject, maxManifestSize, (bytes) => parseManifest(bytes, subject));
        const type = typeOf(own);
        if (type === undefined || type === subject.mediaType) return;
        const message = `its mediaType is ${quoted(type)}, but the subject is said to be ${quoted(subject.mediaType)}`;
        edge.findings.push({ code: 'INVALID_MANIFEST', message, digest: subject.digest });
      } catch (error) {
        this.#find(node, subject, error, isOciError(error, 'NOT_FOUND'));
      }
    });
  }

  #addEdge(parent: Node, step: string, target: Descriptor, node: Node): Edge {
    const edge: Edge = { step, node, findings: [...checkEmbedded(target)] };
    parent.edges.push(edge);
    return edge;
  }

  /** Looks at content that is named for the first time, and remembers what came of it. */
  #once<T>(
    known: Map<string, Read<T>>,
    { digest, size, mediaType }: Descriptor,
    variant: string,
    task: (node: Node) => Promise<T | undefined>,
  ): Read<T> {
    const key = [digest, size, mediaType, variant].join(' ');
    const before = known.get(key);
    if (before !== undefined) return before;
    const node = newNode();
    const result = this.#start(async () => {
      try {
        return await task(node);
      } catch (error) {
        return this.#find(node, { digest, size, mediaType }, error);
      }
    });
    const read = { node, result };
    known.set(key, read);
    return read;
  }

  #later(task: () => Promise<void>): void {
    void this.#start(task);
  }

  /** Begins a task, whose end is waited for, and whose failure ends all others. */
  #start<T>(task: () => Promise<T>): Promise<T> {
    const running = task();
    running.catch((error: unknown) => this.#abort.abort(error));
    this.#tasks.push(running);
    return running;
  }

  /** Makes a finding of what is wrong with the content. */
  #find(node: Node, target: Descriptor, error: unknown, isWarning = false): undefined {
    if (!isOciError(error) || transportCodes.has(error.code)) throw error;
    const finding: Finding = findingOf(error, target.digest);
    node.findings.push(isWarning ? { ...finding, isWarning } : finding);
  }

  /** Always from the store: a descriptor that holds the content itself does not prove that it is there. */
  async #readDocument<T>(target: Descriptor, limit: number, parse: (bytes: Uint8Array) => T): Promise<T> {
    const { signal } = this.#abort;
    const bytes = await this.#small.run(
      async () => collectVerified(await this.#store.fetch(target, { signal }), target, limit),
      signal,
    );
    this.bytes += bytes.byteLength;
    return parse(bytes);
  }

  #stat(target: Descriptor): Promise<Descriptor | undefined> {
    const { signal } = this.#abort;
    return this.#small.run(() => this.#store.stat(target, { signal }), signal);
  }

  async #readBlob<T>(target: Descriptor, check: (content: VerifiedStream) => Promise<T>): Promise<T> {
    const { onProgress } = this.#settings;
    const { signal } = this.#abort;
    onProgress?.({ type: 'queued', target });
    return this.#large.run(async () => {
      onProgress?.({ type: 'start', target, offset: 0 });
      const content = VerifiedStream.of(await this.#store.fetch(target, { signal, onProgress }), target);
      content.onBytes((bytes) => {
        this.bytes += bytes;
        onProgress?.({ type: 'chunk', target, bytes });
      });
      const result = await check(content);
      onProgress?.({ type: 'finish', target });
      return result;
    }, signal);
  }
}

function checkPresence(
  { digest, size }: Descriptor,
  found: Descriptor | undefined,
  mayBeAbsent: boolean,
): readonly Finding[] {
  if (found === undefined) return mayBeAbsent ? [] : [{ code: 'NOT_FOUND', message: `${digest} is not there`, digest }];
  if (found.size === size) return [];
  const message = `${digest} has ${found.size} bytes, but its descriptor says ${size}`;
  return [{ code: 'SIZE_MISMATCH', message, digest }];
}

function checkManifest(node: Node, { digest }: Descriptor, manifest: Manifest): void {
  if (manifest.kind === 'schema1') return;
  const { schemaVersion } = manifest.kind === 'image' ? manifest.image : manifest.index;
  if (schemaVersion === 2) return;
  node.findings.push({ code: 'INVALID_MANIFEST', message: `its schemaVersion is ${schemaVersion}, not 2`, digest });
}

function typeOf(manifest: Manifest): string | undefined {
  if (manifest.kind === 'schema1') return undefined;
  return manifest.kind === 'image' ? manifest.image.mediaType : manifest.index.mediaType;
}

/** Reading to the end verifies. */
async function readToEnd(content: VerifiedStream): Promise<void> {
  for await (const chunk of content) void chunk;
}
