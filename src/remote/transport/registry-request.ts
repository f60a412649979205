import type { CallOptions } from '../../options.ts';
import type { RegistryName } from '../../oci/reference.ts';
import type { RequestBody } from './exchange.ts';
import type { RequestKind } from './host-gate.ts';

/** A request to a registry. */
export interface RegistryRequest extends CallOptions {
  readonly registry: RegistryName;
  readonly method: string;
  /** A path from the registry's root, `/v2/…`, or an absolute URL the registry named. */
  readonly target: string | URL;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: RequestBody | undefined;
  /** Token scopes, the most needed first. */
  readonly scopes: readonly string[];
  readonly repository?: string | undefined;
  /** What the request is for, to follow "Could not" in messages: `read manifest "v1" of localhost:5000/app`. */
  readonly purpose: string;
  /** Statuses that are an answer; all others are thrown. */
  readonly expect: readonly number[];
  /** It ends an upload, and its answer may take longer. @default false */
  readonly commits?: boolean | undefined;
  /** Try again on passing failures. @default true when the body can be sent again */
  readonly retry?: boolean | undefined;
  /** @default `upload` with a large body, else `download` for {@link Transport.send}, `question` for the others */
  readonly kind?: RequestKind | undefined;
  /** Send nothing private to a `target` that is a URL, even if it is the registry's own. @default false */
  readonly anonymous?: boolean | undefined;
  /** Fail where credentials are refused, also where going without them might do. @default false */
  readonly insist?: boolean | undefined;
  /** Return a redirect that leaves the origin instead of following it. @default false */
  readonly sameOrigin?: boolean | undefined;
}

/** Bodies from this size on are worth a place among the uploads. */
const largeBody = 64 * 1024;

export function kindOf({ kind = 'download', body }: RegistryRequest): RequestKind {
  if (body === undefined) return kind;
  return body instanceof Uint8Array && body.byteLength < largeBody ? 'question' : 'upload';
}

export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Asks a registry's root what it is. */
export function pingOf(
  { registry }: Pick<RegistryRequest, 'registry'>,
  { signal }: Pick<RegistryRequest, 'signal'>,
): RegistryRequest {
  const purpose = `reach ${registry}`;
  return { registry, method: 'GET', target: '/v2/', scopes: [], purpose, expect: [], signal };
}
