import type { ByteSource, ByteStream } from '../content/bytes.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import type { CallOptions } from '../options.ts';
import type { TransferOptions } from './progress.ts';

/** A graph of content that can be read: a repository, a layout, an archive. */
export interface ContentSource {
  /**
   * The manifest a tag or a digest names.
   *
   * @throws {OciError} `NOT_FOUND`
   */
  resolve(reference: string, options?: CallOptions): Promise<Descriptor>;
  /** The full descriptor of content that is there, `undefined` when it is not. */
  stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined>;
  /**
   * Opens content. The caller reads the stream to its end or cancels it. Size and digest are verified as bytes pass.
   *
   * @throws {OciError} `NOT_FOUND`; while reading `DIGEST_MISMATCH`, `SIZE_MISMATCH`
   */
  fetch(target: Descriptor, options?: TransferOptions): Promise<ByteStream>;
}

/** A graph of content that can be added to. */
export interface ContentSink {
  stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined>;
  /**
   * Adds content; what is already there is left as it is, and `content` is then cancelled. Nothing is kept of content that
   * does not match `expected`.
   *
   * @throws {OciError} `DIGEST_MISMATCH`, `SIZE_MISMATCH`
   */
  push(expected: Descriptor, content: ByteSource, options?: CallOptions): Promise<void>;
  /**
   * Lets a tag name a manifest that was pushed; the tag's former target is left.
   *
   * @throws {OciError} `NOT_FOUND` when the manifest is not there
   */
  tag(target: Descriptor, reference: string, options?: CallOptions): Promise<void>;
}

export interface ContentStore extends ContentSource, ContentSink {}
