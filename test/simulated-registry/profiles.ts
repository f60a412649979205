import type { Quirks } from './quirks.ts';
import type { SimulateOptions } from './simulate.ts';

// The rows of the demand-and-quirks reference, C1. A comment names what a value rests on where that is not the row's own word.

const mebibyte = 1024 * 1024;

/** Docker Hub: tokens for everybody, refusals afterwards, missing and private look alike. */
const dockerhub: SimulateOptions = {
  service: 'registry.docker.io',
  // "access token has insufficient scopes" for read-only access tokens that ask for push.
  token: { alwaysIssue: true, strictReadOnly: true },
  notFoundAs: 401,
  redirectBlobs: { to: 'store', status: 307 },
  mount: 'needs-scope',
  // Row "ref": in 2024 it answered OCI-Subject without the API, and refused a subject that was not there.
  referrers: 404,
  ociSubject: 'lies',
  subjectMustExist: true,
  del: { tag: 405, digest: 405 },
  catalog: 401,
  limit: { after: 100_000, headers: true },
};

/** GHCR: PATCH of at most 4 MiB, no referrers, no deleting. */
const ghcr: SimulateOptions = {
  service: 'ghcr.io',
  realm: 'same-host',
  token: { path: '/token', alwaysIssue: false },
  // Answers with `/blobs/upload/ID`, so that nobody may build upload URLs.
  location: 'singular',
  upload: { maxPatch: 4 * mebibyte, maxPatchStatus: 416 },
  redirectBlobs: { to: 'store', status: 307 },
  referrers: '303-html',
  del: { tag: 405, digest: 405 },
  catalog: 404,
  tags: { order: 'oldest' },
  requestId: 'x-github-request-id',
};

/** Google Artifact Registry: the challenge on `/v2/` only, a relative redirect, tags before digests. */
const gar: SimulateOptions = {
  challenge: 'ping-only',
  realm: 'same-host',
  token: { post: 404 },
  redirectBlobs: { to: 'relative', status: 302 },
  // "existence check on mount w/o from".
  mount: 'anonymous',
  del: { digest: 'dangling-tag' },
  tags: { page: 1000, maxN: 10_000, google: true },
};

/** Amazon ECR: Basic, repositories are made beforehand, chunks of 5 MiB at least and a `Range` that stands still. */
const ecr: SimulateOptions = {
  challenge: 'basic',
  basicRealm: 'https://account.dkr.ecr.region.example.com/',
  service: 'ecr.amazonaws.com',
  upload: { minChunk: 5 * mebibyte, patch: 201, range: 'stuck', needRepo: 'NAME_UNKNOWN', maxParallel: 8 },
  mount: 'only-if-referenced',
  redirectBlobs: { to: 'store', rejectAuth: true },
  manifests: { requireMediaType: true, rejectReferrers: 405 },
  tags: { maxN: 1000, onExceed: 405 },
  del: { tag: 404, digest: 404 },
  requestId: 'x-amzn-requestid',
};

/** Amazon ECR Public: as ECR, with Bearer tokens, and `Transfer-Encoding: chunked` stalls. */
const ecrPublic: SimulateOptions = {
  realm: 'same-host',
  token: { path: '/token/' },
  service: 'public.ecr.aws',
  upload: { minChunk: 5 * mebibyte, patch: 201, range: 'stuck', needRepo: 'NAME_UNKNOWN', te: 'stall' },
  mount: 202,
  redirectBlobs: { to: 'store' },
  referrers: 404,
  manifests: { requireMediaType: true },
  tags: { maxN: 1000, onExceed: 405 },
  catalog: 404,
  del: { tag: 405, digest: 405 },
};

/** Azure: identity tokens, `access_token` only, no PUT of more than 20 MB, and sessions that die of an error. */
const acr: SimulateOptions = {
  realm: 'same-host',
  token: { path: '/oauth2/token', post: 400, field: 'access_token' },
  upload: { maxPut: 20_000_000, te: 'reject', contentRange: 'strict', dieOnError: true },
  redirectBlobs: { to: 'store', status: 307 },
  del: { tag: 405 },
  // "absolute Link breaks behind gateways".
  tags: { link: 'other-host', azure: 'all' },
};

/** Quay: other actions in scopes, ranges off by one, schema 1 for whoever does not ask otherwise, few kinds of artifacts. */
const quay: SimulateOptions = {
  tls: true,
  realm: 'same-host',
  token: { path: '/v2/auth', scopeActions: /^(?:push|pull|\*)$/ },
  location: 'abs',
  upload: { range: 'off-by-one' },
  mount: 'requires-from',
  redirectBlobs: { to: 'store', status: 302 },
  accept: 'strict-schema1',
  referrers: 'unknown-subject-400',
  manifests: {
    artifactAllowList: [
      'application/vnd.oci.image.config.v1+json',
      'application/vnd.docker.container.image.v1+json',
      'application/vnd.cncf.helm.config.v1+json',
    ],
  },
  tags: { page: 100, maxN: 100, onExceed: 'clamp', opaque: true },
  // Writing is the right to delete; there is no action of that name.
  del: { scope: 'none', blob: 405 },
};

/** Harbor: everything lies in a project, and mounting from one that is missing is a 401. */
const harbor: SimulateOptions = {
  tls: true,
  service: 'harbor-registry',
  realm: 'same-host',
  token: { path: '/service/token' },
  names: /\//,
  mount: 'source-401',
  notFoundAs: 'UNKNOWN-not-found',
  head: { manifest: 'gzip-length' },
  catalog: 401,
};

/** GitLab: tokens come from another host, for the last scope only. */
const gitlab: SimulateOptions = {
  service: 'container_registry',
  realm: 'own-host',
  token: { path: '/jwt/auth', scopes: 'last' },
  names: /\//,
  referrers: 404,
  catalog: 401,
  del: { scope: 'delete' },
};

/** Artifactory: 403 for what is not there, links without the repository's prefix, digests among the tags. */
const artifactory: SimulateOptions = {
  realm: 'same-host',
  token: { path: '/artifactory/api/docker/docker/v2/token', post: 401 },
  location: 'abs',
  mount: 'shares-later',
  notFoundAs: 403,
  tags: { link: 'wrong-path', junk: true },
  del: { blob: 405 },
};

/** Nexus: Basic, no chunks, `null` among the tags, links that lead elsewhere. */
const nexus: SimulateOptions = {
  challenge: 'basic',
  basicRealm: 'Sonatype Nexus Repository Manager',
  upload: { noPatch: 400 },
  mount: 202,
  referrers: 404,
  tags: { link: 'wrong-path', junk: true },
};

/** Cloudflare's registry without a server: limits in headers both ways, links without brackets. */
const cloudflare: SimulateOptions = {
  challenge: 'basic',
  location: 'query-state',
  upload: {
    minChunk: 5 * mebibyte,
    chunkMinHeader: String(5 * mebibyte),
    chunkMaxHeader: '100000000',
    maxPatch: 100_000_000,
    maxPatchStatus: 413,
    maxPut: 100_000_000,
  },
  tags: { page: 50, maxN: 1000, onExceed: 400, link: 'no-brackets' },
  referrers: 'paged',
};

/** registry:2 as it comes: nothing can be deleted, and no referrers. */
const distribution2: SimulateOptions = {
  location: 'abs',
  mount: 'requires-from',
  referrers: 404,
  // Cancelling needs the `delete` action, which nobody has who only pushes.
  upload: { cancel: 401 },
  del: { tag: 400, digest: 405 },
};

/** registry:3 with deleting switched on. */
const distribution3: SimulateOptions = {
  location: 'abs',
  mount: 'requires-from',
  referrers: 404,
  manifests: { rejectSchema1: true, sha512: 'reject' },
  tags: { maxN: 1000, onExceed: 400, empty: 'list' },
};

/** zot: OCI types only, and a tag keeps its kind. */
const zot: SimulateOptions = {
  challenge: 'basic',
  // Mounts from wherever the user may read, also without a name.
  mount: 'anonymous',
  manifests: { rejectDockerTypes: 415, kindChange: 400, ociTag: 'repeat' },
};

/** zot with `http.compat: ["docker2s2"]`. */
const zotCompat: SimulateOptions = { ...zot, manifests: { kindChange: 400, ociTag: 'repeat' } };

/** Red Hat's: to be read only, HEAD without a digest. */
const redhat: SimulateOptions = {
  challenge: 'every',
  head: { manifest: 'no-digest' },
  notFoundAs: 'UNKNOWN-not-found',
  redirectBlobs: { to: 'store', status: 302 },
  referrers: 404,
  tags: { page: 100, maxN: 100, link: 'rel' },
  catalog: 404,
  del: { tag: 405, digest: 405 },
};

/** Means harm wherever it can; {@link hostileHabits} has its deeds one by one. */
const hostile: SimulateOptions = {
  location: 'trap',
  redirectBlobs: { to: 'trap' },
  referrers: 'html-200',
  tags: { page: 1, link: 'trap' },
  errors: 'huge',
  warnings: ['\u009b31mred', 'a'.repeat(4000)],
  hostile: { blob: 'endless', manifest: 'other-bytes', tags: 'control', upload: 'wrong-digest' },
};

export type ProfileName =
  | 'dockerhub'
  | 'ghcr'
  | 'gar'
  | 'ecr'
  | 'ecrPublic'
  | 'acr'
  | 'quay'
  | 'harbor'
  | 'gitlab'
  | 'artifactory'
  | 'nexus'
  | 'cloudflare'
  | 'distribution2'
  | 'distribution3'
  | 'zot'
  | 'zotCompat'
  | 'redhat'
  | 'hostile';

const profiles: Readonly<Record<ProfileName, SimulateOptions>> = {
  dockerhub,
  ghcr,
  gar,
  ecr,
  ecrPublic,
  acr,
  quay,
  harbor,
  gitlab,
  artifactory,
  nexus,
  cloudflare,
  distribution2,
  distribution3,
  zot,
  zotCompat,
  redhat,
  hostile,
};

export const profileNames: readonly ProfileName[] = Object.keys(profiles) as ProfileName[];

/** The habits of a real registry, a copy of its own for every call. Add `users` for a login. */
export function profile(name: ProfileName): SimulateOptions {
  // Patterns are kept as they are, and a test that changes a habit must not change the next test's.
  return copyOf(profiles[name]) as SimulateOptions;
}

/** What a hostile registry does, one deed at a time. */
export const hostileHabits: Readonly<Record<string, Quirks>> = {
  'names a token server in the network of cloud metadata': { realm: 'http://169.254.169.254/token' },
  'names a token server that is no URL': { realm: 'http://[::bad' },
  'names a token server by another scheme': { realm: 'file:///etc/passwd' },
  'redirects token requests': { hostile: { token: 'redirect-trap' } },
  'puts line breaks into tokens': { hostile: { token: 'control' } },
  'sends tokens without end': { hostile: { token: 'endless' } },
  'sends a token of megabytes': { hostile: { token: 'huge' } },
  'redirects blobs to the network of cloud metadata': { redirectBlobs: { to: 'private-ip' } },
  'redirects blobs in circles': { redirectBlobs: { to: 'loop' } },
  'redirects blobs to a server that asks for a login': { redirectBlobs: { to: 'trap' } },
  'sends other bytes than the digest names': { hostile: { blob: 'other-bytes' } },
  'sends longer blobs than the descriptor says': { hostile: { blob: 'longer' } },
  'sends blobs without end': { hostile: { blob: 'endless' } },
  'sends other manifests than the digest names': { hostile: { manifest: 'other-bytes' } },
  'sends manifests without end': { hostile: { manifest: 'endless' } },
  'nests a manifest a million deep': { hostile: { manifest: 'deep' } },
  'lists half a million manifests': { hostile: { manifest: 'many' } },
  'sends a login page for a manifest': { hostile: { manifest: 'html' } },
  'sends no JSON for a manifest': { hostile: { manifest: 'not-json' } },
  'sends tags without end': { hostile: { tags: 'endless' } },
  'sends pages of tags without end': { hostile: { tags: 'endless-pages' } },
  'sends uploads elsewhere': { location: 'trap' },
  'sends uploads to the network of cloud metadata': { location: 'private-ip' },
  'gives uploads no location': { hostile: { upload: 'no-location' } },
  'gives uploads a location that is no URL': { hostile: { upload: 'junk-location' } },
  'wants chunks larger than all memory': { hostile: { upload: 'chunk-min' }, upload: { maxPut: 0 } },
  'stores another digest than was sent': { hostile: { upload: 'wrong-digest' } },
  'sends more headers than fit': { hostile: { headers: true } },
  'explains errors in megabytes': { errors: 'huge', del: { tag: 405 } },
};

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null || value instanceof RegExp) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, copyOf(member)]));
}
