import type { RegistryName } from '../../oci/reference.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import type { HostGate } from './host-gate.ts';
import type { HostSettings } from './host-settings.ts';
import type { RegistryRequest } from './registry-request.ts';
import { type Scheme, schemesFor } from './scheme.ts';

/** What turned out about a registry and is remembered while the process runs. */
export interface RegistryTraits {
  /** It refused a blob of so many bytes in one piece, and took it in several. 0: it takes none in one piece. */
  refusedWhole?: number | undefined;
  /** It refused larger pieces and took ones of so many bytes. */
  chunkSize?: number | undefined;
  /** It refused a piece of a blob that was still being made. */
  refusesPieces?: boolean | undefined;
  /** Repositories it would not mount blobs from. */
  readonly unmountable: Set<string>;
  /** It answered a range request as asked. */
  servesRanges?: boolean | undefined;
  /** As a mirror it could not be reached, or asked for a pause: when to ask it again, by the transport's clock. */
  restsUntil?: number | undefined;
}

/** One registry, as far as it is known. */
export interface Host {
  readonly registry: RegistryName;
  readonly settings: HostSettings;
  /** From the settings, else the transport's. */
  readonly insecure: boolean;
  readonly authorizer: Authorizer;
  readonly traits: RegistryTraits;
  readonly gate: HostGate;
  /** The scheme that was found to work. */
  scheme: Scheme | undefined;
  /** It has answered in this process: when it cannot be reached now, that may pass. */
  answered: boolean;
}

/** The schemes to try, in this order. */
export function schemesOf({ registry, settings, insecure, scheme }: Host): readonly Scheme[] {
  const known = scheme ?? settings.scheme;
  return known === undefined ? schemesFor(registry, insecure) : [known];
}

/** The registry's root, with the scheme that works, or with the first to try. */
export function originOf(host: Host): URL {
  return originUrl(host.registry, schemesOf(host)[0] ?? 'https');
}

/** Whether a request goes to the registry itself, so that credentials may go with it. */
export function isOwn(host: Host, { target, anonymous = false }: RegistryRequest): boolean {
  return !anonymous && (typeof target === 'string' || target.origin === originOf(host).origin);
}

export function originUrl(registry: RegistryName, scheme: Scheme): URL {
  return new URL(`${scheme}://${registry === '::1' ? '[::1]' : registry}/`);
}
