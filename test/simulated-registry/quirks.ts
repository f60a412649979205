/**
 * The habits a simulated registry can have. Every member is optional and absent means: as the specification says. The
 * object may be changed while the registry runs. Demand-and-quirks reference, C4; members it lacks are marked with a plus.
 */
export interface Quirks {
  /** what `/v2/` says to those without credentials. @default 401 where a login is needed, else 200 */
  ping?: 200 | 401 | 403 | 404 | 'close' | undefined;
  /** how a login is asked for. @default 'every', a Bearer challenge with every 401, if there are users */
  challenge?:
    | 'none'
    | 'every'
    | 'ping-only'
    | 'basic'
    | 'multi-header'
    | 'joined'
    | 'unquoted'
    | 'relative-realm'
    | undefined;
  /** + Q-06: where tokens come from. @default 'own-host', another port */
  realm?: 'own-host' | 'same-host' | 'trap' | (string & {}) | undefined;
  /** + Q-04: the realm of a Basic challenge. */
  basicRealm?: string | undefined;
  /** + Q-11: the `scope` of the challenge. @default 'right' */
  challengeScope?: 'right' | 'star' | 'none' | 'wrong' | undefined;
  /** + The `service` of the challenge. @default 'simulated' */
  service?: string | undefined;
  token?: TokenQuirks | undefined;
  /** what a missing repository or manifest looks like. @default 404 */
  notFoundAs?: 404 | 401 | 403 | 'UNKNOWN-not-found' | undefined;
  /** where blobs are sent from. @default the registry itself */
  redirectBlobs?: RedirectQuirks | undefined;
  blobBody?: BlobBodyQuirks | undefined;
  head?: HeadQuirks | undefined;
  /** what happens to a manifest whose type is not in `Accept`. @default 'any' */
  accept?: 'strict-schema1' | '406' | 'any' | undefined;
  /** the form of upload locations. @default 'path' */
  location?:
    | 'abs'
    | 'path'
    | 'relative'
    | 'schemeless'
    | 'http-downgrade'
    | 'other-host'
    | 'no-port'
    | 'query-state'
    | 'singular'
    | 'trap'
    | 'private-ip'
    | undefined;
  upload?: UploadQuirks | undefined;
  /**
   * Numbers are the answer to every mount; 'source-401' only when the source is missing; 'shares-later' shows
   * blobs everywhere once a manifest names them. @default 'ok', with `from`
   */
  mount?:
    | 'ok'
    | 'source-401'
    | 'shares-later'
    | 202
    | 401
    | 403
    | 400
    | 404
    | 405
    | 'needs-scope'
    | 'only-if-referenced'
    | 'requires-from'
    | 'anonymous'
    | undefined;
  manifests?: ManifestQuirks | undefined;
  tags?: ListQuirks | undefined;
  /** + Q-65. @default 'ok' */
  catalog?: 'ok' | 404 | 405 | 401 | 403 | undefined;
  /** @default 'ok' */
  referrers?:
    | 'ok'
    | 404
    | '404-name-unknown'
    | 400
    | 405
    | 406
    | 500
    | '303-html'
    | 'html-200'
    | 'paged'
    | 'unknown-subject-400'
    | 'filter-annotation'
    | undefined;
  /** whether a PUT of a manifest with a subject is answered with `OCI-Subject`. @default 'ok', where there is the API */
  ociSubject?: 'ok' | 'never' | 'lies' | undefined;
  /** @default false */
  subjectMustExist?: boolean | undefined;
  del?: DeleteQuirks | undefined;
  limit?: LimitQuirks | undefined;
  /** the form of error bodies. @default 'oci' */
  errors?:
    | 'oci'
    | 'message'
    | 'details'
    | 'detail-string'
    | 'detail-array'
    | 'xml'
    | 'html'
    | 'empty'
    | 'huge'
    | undefined;
  /** + Q-82: the header that carries the id of every request. */
  requestId?: string | undefined;
  /** + Q-83: sent with every answer. */
  warnings?: readonly string[] | undefined;
  /** + Q-88: repository names the registry knows how to keep. @default all */
  names?: RegExp | undefined;
  /** + What a registry does that means harm. */
  hostile?: HostileQuirks | undefined;
}

/** */
export interface TokenQuirks {
  /** @default 'both' */
  field?: 'token' | 'access_token' | 'both' | undefined;
  /** the answer to POST. 400 refuses passwords only. @default 'ok' */
  post?: 400 | 401 | 404 | 405 | 'ok' | undefined;
  /** which scopes of a request count. @default 'all' */
  scopes?: 'all' | 'first' | 'last' | 'reject-multi' | undefined;
  /** every action has to match, else the answer is 400. @default all match */
  scopeActions?: RegExp | undefined;
  /** @default now */
  issuedAt?: 'skew' | 'absent' | undefined;
  /** Seconds. @default 300 */
  expiresIn?: number | 'absent' | undefined;
  /** + What the registry itself counts a token's life in, in milliseconds. @default `expiresIn` */
  validFor?: number | undefined;
  /** a token without rights, where others refuse. @default true */
  alwaysIssue?: boolean | undefined;
  /** + Q-13: asking a read-only user's token for `push` is refused. @default false */
  strictReadOnly?: boolean | undefined;
  /** + Q-14: anonymous tokens are to be had. @default true */
  anonymous?: boolean | undefined;
  /** + Where the token server listens, below its origin. @default '/token' */
  path?: string | undefined;
}

export interface RedirectQuirks {
  /** 'back' leads over the store to the registry's own host. */
  to: 'store' | 'relative' | 'back' | 'http' | 'private-ip' | 'loop' | 'trap';
  /** + @default 307 */
  status?: 301 | 302 | 303 | 307 | 308 | undefined;
  /** uses, or milliseconds, until a signed URL is over. @default unlimited */
  ttl?: number | 'once' | undefined;
  /** + Q-22: the answer to an expired URL. @default 403 */
  expired?: 400 | 401 | 403 | undefined;
  /** 400 to any `Authorization`. @default true */
  rejectAuth?: boolean | undefined;
  /** the store wants a token of its own. */
  ownChallenge?: boolean | undefined;
  /** + Q-24: the URL is signed for GET, HEAD is 403. */
  getOnly?: boolean | undefined;
}

/** */
export interface BlobBodyQuirks {
  /** Bytes of each answer before the connection is cut. */
  cutAfter?: number | undefined;
  stallAfter?: number | undefined;
  /** + How often `cutAfter` and `stallAfter` strike, per blob. @default always */
  times?: number | undefined;
  range?: 'ok' | 'ignore' | 'bad-content-range' | 'no-content-range' | 'short' | 416 | undefined;
  contentEncoding?: 'gzip' | undefined;
}

/** */
export interface HeadQuirks {
  manifest?: 'ok' | 401 | 403 | 405 | 'no-digest' | 'no-length' | 'no-type' | 'gzip-length' | undefined;
  /** + */
  blob?: 'ok' | 403 | 405 | 'no-length' | undefined;
}

/** */
export interface UploadQuirks {
  post?: 202 | 200 | 204 | undefined;
  patch?: 202 | 201 | 204 | undefined;
  put?: 201 | 200 | 204 | 202 | undefined;
  /** most bytes of a PATCH. */
  maxPatch?: number | undefined;
  /** + GHCR says 416, nginx 413. @default 416 */
  maxPatchStatus?: 413 | 416 | undefined;
  /** most bytes of a PUT, which is answered with 413. */
  maxPut?: number | undefined;
  /** fewest bytes of a chunk that is not the last. */
  minChunk?: number | undefined;
  /** `OCI-Chunk-Min-Length`, sent as it is. */
  chunkMinHeader?: string | undefined;
  /** + Q-44: `OCI-Chunk-Max-Length`. */
  chunkMaxHeader?: string | undefined;
  /** what `Transfer-Encoding: chunked` meets. */
  te?: 'reject' | 'stall' | undefined;
  /** only `0-99`. */
  contentRange?: 'strict' | undefined;
  /** + Q-46: PATCH is refused. */
  noPatch?: 400 | 404 | 405 | undefined;
  /** 'partial' keeps the first half of every chunk of more than `partialAbove` bytes. */
  range?: 'exact' | 'missing' | 'stuck' | 'off-by-one' | 'bytes-prefix' | 'partial' | undefined;
  /** + @default 1 */
  partialAbove?: number | undefined;
  /** + Q-47: asking a session how far it is. @default 'ok' */
  status?: 'ok' | 404 | 405 | undefined;
  /** a request that failed takes its session along. */
  dieOnError?: boolean | undefined;
  /** + Q-26, Q-47: bytes of a request that broke off are lost. @default false, they are kept */
  dropBroken?: boolean | undefined;
  /** milliseconds a PUT takes. */
  commitDelay?: number | undefined;
  /** the first PUT of each blob is done, but its answer is lost; 'patch': the first PATCH of each session. */
  lostAck?: boolean | 'patch' | undefined;
  /** only into repositories that are there. */
  needRepo?: 'NAME_UNKNOWN' | 'reset' | undefined;
  /** + Q-84: more uploads than this at a time have their connections reset. */
  maxParallel?: number | undefined;
  /** + Cancelling a session. @default 204 */
  cancel?: 204 | 401 | 405 | undefined;
}

/** */
export interface ManifestQuirks {
  rejectDockerTypes?: 415 | undefined;
  /** + Schema 1 is refused with 400. */
  rejectSchema1?: boolean | undefined;
  requireMediaType?: boolean | undefined;
  /** Types of artifacts and configs that are taken. */
  artifactAllowList?: readonly string[] | undefined;
  /** + Q-54: ECR answers so to some manifests with `artifactType` and `subject`. */
  rejectReferrers?: 405 | undefined;
  /** + An OCI index must not hold Docker manifests, nor the other way. */
  rejectMixed?: 400 | undefined;
  /** A tag that names an index cannot name an image later, nor the other way. */
  kindChange?: 400 | undefined;
  maxBytes?: number | undefined;
  /** HEAD still finds blobs that are gone. */
  staleHead?: boolean | undefined;
  /** + Q-68: `If-Match` is heeded, with 412. */
  ifMatch?: boolean | undefined;
  immutableTags?: 400 | 403 | 409 | 412 | undefined;
  /** how many reads of what was just written find nothing. */
  readAfterWriteLag?: number | undefined;
  /** + Q-30: the `Content-Type` of manifests. */
  contentType?: 'parameters' | 'text' | 'json' | 'schema1' | 'none' | undefined;
  /** + Q-30: the `Docker-Content-Digest` of manifests. */
  digestHeader?: 'none' | 'wrong' | undefined;
  /** + Q-87. */
  sha512?: 'reject' | undefined;
  /** + Q-87: how the tags of a push by digest are confirmed. @default 'comma' */
  ociTag?: 'comma' | 'repeat' | 'ignore' | undefined;
}

/** */
export interface ListQuirks {
  /** Entries of a page when the client asks for no number. @default all */
  page?: number | undefined;
  maxN?: number | undefined;
  /** @default 'clamp' */
  onExceed?: 400 | 405 | 'clamp' | undefined;
  link?:
    | 'rel'
    | 'abs'
    | 'wrong-path'
    | 'other-host'
    | 'no-brackets'
    | 'unquoted'
    | 'several'
    | 'loop'
    | 'none'
    | 'always'
    | 'empty-page'
    | 'trap'
    | undefined;
  order?: 'lex' | 'oldest' | 'random' | undefined;
  junk?: boolean | undefined;
  /** + Q-63: the next page is named by a token and not by the last entry. */
  opaque?: boolean | undefined;
  /** + Q-64: a repository without tags. @default 'null' */
  empty?: 'null' | 'list' | 404 | undefined;
  /** + Q-64: Google's `child` and `manifest` members, with what is there and when it came. See google.ts. */
  google?: boolean | undefined;
  /** Azure's own list of manifests: for all who may pull, or for nobody, as it takes another right. See azure.ts. */
  azure?: 'all' | 'nobody' | undefined;
}

/** */
export interface DeleteQuirks {
  tag?: 202 | 200 | 204 | 400 | 401 | 404 | 405 | undefined;
  digest?: 202 | 200 | 204 | 400 | 401 | 404 | 405 | 'dangling-tag' | undefined;
  /** + */
  blob?: 202 | 404 | 405 | undefined;
  /** the action a token needs. @default 'delete' */
  scope?: 'delete' | '*' | 'none' | undefined;
}

/** */
export interface LimitQuirks {
  /** Requests that are answered before the limit strikes. */
  after: number;
  /** + Requests that are refused before it is over. @default 1 */
  times?: number | undefined;
  /** + Only requests whose `METHOD /path` matches are counted. @default all */
  only?: RegExp | undefined;
  status?: 429 | 403 | 400 | 503 | undefined;
  /** 'huge' is a day; 'sec' and 'date' are one second. @default 'sec' */
  retryAfter?: 'sec' | 'zero' | 'date' | 'none' | 'body-us' | 'huge' | undefined;
  /** + @default 'oci' */
  body?: 'oci' | 'text' | 'html' | 'secondary' | undefined;
  /** `RateLimit-*` with every answer. */
  headers?: boolean | undefined;
}

/** + What each part of a hostile registry does. */
export interface HostileQuirks {
  /** Blobs are others, endless, or unpack to gigabytes. */
  blob?: 'other-bytes' | 'endless' | 'longer' | undefined;
  manifest?: 'other-bytes' | 'endless' | 'deep' | 'html' | 'not-json' | 'many' | undefined;
  tags?: 'endless' | 'endless-pages' | 'control' | 'not-json' | undefined;
  token?: 'control' | 'endless' | 'huge' | 'redirect-trap' | undefined;
  upload?: 'no-location' | 'junk-location' | 'chunk-min' | 'wrong-digest' | undefined;
  /** Every answer has tens of kilobytes of headers. */
  headers?: boolean | undefined;
}
