import { ByteBudget } from '../../async/byte-budget.ts';
import type { RegistryName } from '../../oci/reference.ts';
import { HostGate } from './host-gate.ts';
import type { HostSettings } from './host-settings.ts';

export interface HostLimitOptions {
  /** Blobs that are fetched from one host at the same time, and as many that are sent to it. @default 12 */
  readonly transfers?: number | undefined;
  /** Requests without much of a body that are under way to one host. @default 16 */
  readonly requests?: number | undefined;
  /** Bytes of large blobs that are held in memory because they arrived before their turn, for all hosts together. @default 32 MiB */
  readonly windowBytes?: number | undefined;
}

/** Enough for the layers of most images at once, and no more than a registry behind one address bears. */
export const defaultTransfers = 12;

/**
 * How much is asked of one host at a time. Transports that are given the same object share its limits, so that one process has
 * one limit for each host, whatever it does at once.
 */
export class HostLimits {
  readonly windows: ByteBudget;
  readonly #options: { readonly transfers: number; readonly requests: number };
  readonly #gates = new Map<RegistryName, HostGate>();

  /** @throws {RangeError} when a limit is not a positive whole number */
  constructor({ transfers = defaultTransfers, requests = 16, windowBytes = 32 * 1024 * 1024 }: HostLimitOptions = {}) {
    this.windows = new ByteBudget(windowBytes);
    this.#options = { transfers, requests };
  }

  /** What is set for the host when it is first asked for stays. */
  gateOf(registry: RegistryName, settings: HostSettings): HostGate {
    const known = this.#gates.get(registry);
    if (known !== undefined) return known;
    const { transfers, requests } = this.#options;
    const gate = new HostGate({
      transfers: settings.maxTransfers ?? transfers,
      requests,
      rate: settings.requestRate,
    });
    this.#gates.set(registry, gate);
    return gate;
  }
}
