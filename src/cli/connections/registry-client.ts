// Everything that a command needs to ask a registry, behind one lazy import: each costs a file of its own to load.
export { placesKeychain, sourcesFor } from './credential-sources.ts';
export { configuredHeaders } from '../../remote/auth/docker-config.ts';
export { RemoteStore } from '../../remote/remote-store.ts';
export { defaultTransfers, HostLimits } from '../../remote/transport/host-limits.ts';
export { nodeHttp } from '../../remote/transport/node-http.ts';
export { createTransport } from '../../remote/transport/transport.ts';
