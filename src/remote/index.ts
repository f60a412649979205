export type { Credential, CredentialScope, NamedKeychain, Keychain, KeychainOptions } from './auth/credential.ts';
export { anonymous, firstKeychain, fixedKeychain, sourcesKeychain } from './auth/credential.ts';
export type { HelperAction, HelperCall, HelperResult, HelperRunner } from './auth/credential-helper.ts';
export { type StoredCredential, eraseCredential, storeCredential } from './auth/config-file.ts';
export {
  configuredHeaders,
  defaultKeychain,
  defaultSources,
  dockerConfigFile,
  dockerKeychain,
} from './auth/docker-config.ts';
export type { CredentialEnvironment } from './auth/environment.ts';
export { podmanAuthFiles, podmanKeychain } from './auth/podman-auth.ts';
export type { ProgramCall, ProgramResult, ProgramRunner } from './auth/run-program.ts';
export {
  type AccessCheck,
  type AccessOptions,
  type Authorization,
  type AuthorizationOptions,
  authorizationFor,
  checkAccess,
} from './authorization.ts';
export { type CatalogOptions, catalog } from './catalog.ts';
export type { FetchedManifest } from './manifests.ts';
export { type ConfiguredHosts, readConfiguredHosts } from './hosts/configured-hosts.ts';
export { findHostFiles, type HostFiles, type HostPlaces } from './hosts/host-files.ts';
export { readHostTls } from './hosts/host-tls.ts';
export { environmentProxies, type ProxyRules } from './hosts/proxy-rules.ts';
export { type NamedFile, readTlsFiles, type TlsFiles } from './hosts/tls-files.ts';
export { isGoogleHost } from './listing/google-hosts.ts';
export type { RepositoryListing, RepositoryListOptions } from './listing/list-repository.ts';
export type { ListedManifest, RepositoryPage } from './listing/repository-page.ts';
export { type WalkedRepository, type WalkOptions, walkRepositories } from './listing/walk-repositories.ts';
export { type RemoteOptions, RemoteStore, remote } from './remote-store.ts';
export type { TransportEvent } from './transport/events.ts';
export type {
  Exchange,
  ExchangeRequest,
  ExchangeResponse,
  NetworkFault,
  RequestBody,
  ResponseHeaders,
  StreamBody,
  Timeouts,
} from './transport/exchange.ts';
export { NetworkError } from './transport/exchange.ts';
export { HostLimits, type HostLimitOptions } from './transport/host-limits.ts';
export type { HostSettings, HostSettingsSource, Mirror, TlsSettings, TlsSource } from './transport/host-settings.ts';
export { type NodeHttpOptions, nodeHttp } from './transport/node-http.ts';
export type { RateLimit } from './transport/rate-limit.ts';
export { redactUrl } from './transport/redact.ts';
export { ResponseError } from './transport/response-error.ts';
export type { RetryPolicy } from './transport/retry.ts';
export type { MirrorRoute, Route, RouteSource } from './transport/route.ts';
export { Transport, createTransport } from './transport/transport.ts';
export type { HeaderSource, RepositoryCreator, TransportOptions } from './transport/transport-options.ts';
