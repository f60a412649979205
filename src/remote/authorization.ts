import { OciError } from '../errors.ts';
import { formatRepository, type Repository } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import { type RepositoryAccess, repositoryScope } from '../wire/scope.ts';
import { basicAuthorization } from './auth/credential.ts';
import { resolveRealm } from './auth/realm.ts';
import type { Transport } from './transport/transport.ts';
import type { RegistryName } from '../oci/reference.ts';

export interface AccessOptions extends CallOptions {
  readonly transport: Transport;
}

export interface AuthorizationOptions extends AccessOptions {
  /** @default 'pull' */
  readonly access?: RepositoryAccess | undefined;
  /** Other repositories of the registry to pull from. @default none */
  readonly mounts?: readonly string[] | undefined;
}

/** What a registry wants to see with each request to a repository. */
export type Authorization =
  | {
      readonly scheme: 'bearer';
      readonly token: string;
      /** The token under its OAuth2 name, when the server used that. */
      readonly accessToken?: string | undefined;
      /** Seconds. */
      readonly expiresIn: number | undefined;
      readonly refreshToken: string | undefined;
    }
  /** `header` is the value of `Authorization`. */
  | { readonly scheme: 'basic'; readonly header: string }
  /** The registry asks for nothing. */
  | { readonly scheme: 'none' };

/**
 * What to authorize requests to a repository with: asks the registry what it wants and gets it.
 *
 * @throws {OciError} `UNAUTHORIZED` when there are no credentials, or none that the registry takes
 */
export async function authorizationFor(
  repository: Repository,
  { transport, access = 'pull', mounts = [], signal }: AuthorizationOptions,
): Promise<Authorization> {
  const { registry } = repository;
  const scopes = [
    repositoryScope(repository.repository, access),
    ...mounts.map((name) => repositoryScope(name, 'pull')),
  ];
  const known = await transport.challengeOf(registry, { repository: repository.repository, signal });
  if (known === undefined) return { scheme: 'none' };
  const { credential, problem } = await transport.authorizerOf(registry).credentialFor(repository.repository, signal);
  if (credential?.registryToken !== undefined) {
    return { scheme: 'bearer', token: credential.registryToken, expiresIn: undefined, refreshToken: undefined };
  }
  const { scheme, parameters } = known.challenge;
  if (scheme === 'basic') {
    const header = credential === undefined ? undefined : basicAuthorization(credential);
    if (header !== undefined) return { scheme: 'basic', header };
    throw new OciError(
      'UNAUTHORIZED',
      `${registry} wants credentials for ${formatRepository(repository)} and there are none`,
      {
        hint: `Log in with: crane auth login ${registry}`,
        cause: problem,
      },
    );
  }
  const insecure = transport.isInsecure(registry);
  const { value, stated, expiresIn, refreshToken } = await transport.tokens.get({
    realm: resolveRealm(parameters['realm'] ?? '', known.url, insecure),
    service: parameters['service'],
    scopes,
    credential,
    problem,
    registry: transport.originOf(registry),
    insecure,
    signal,
  });
  return { scheme: 'bearer', token: stated.token ?? value, accessToken: stated.accessToken, expiresIn, refreshToken };
}

/** What a registry said to the credentials there are for it. */
export interface AccessCheck {
  /** How it asked for them; `none` when it lets everybody in, and so has looked at none. */
  readonly scheme: 'none' | 'basic' | 'bearer';
}

/**
 * Asks a registry whether it is one and whether it takes the credentials there are for it. A registry with a token server is
 * asked through that.
 *
 * @throws {OciError} `UNAUTHORIZED` or `DENIED` when it refuses them, also where it could be read without;
 *   `CREDENTIALS` when there should be some and cannot be had
 */
export async function checkAccess(registry: RegistryName, { transport, signal }: AccessOptions): Promise<AccessCheck> {
  await transport.perform({
    registry,
    method: 'GET',
    target: '/v2/',
    scopes: [],
    purpose: `log in to ${registry}`,
    expect: [200],
    insist: true,
    signal,
  });
  const scheme = transport.authorizerOf(registry).challengeFor(undefined)?.challenge.scheme;
  return { scheme: scheme === 'basic' || scheme === 'bearer' ? scheme : 'none' };
}
