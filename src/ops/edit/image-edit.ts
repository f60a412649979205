import type { Platform } from '../../oci/platform.ts';

/** Changes to a map of texts: first what is set, then what goes. */
export interface MapEdit {
  /** Added, or in place of what has the key; the empty text is a value like others. */
  readonly set?: Readonly<Record<string, string>> | ReadonlyMap<string, string> | undefined;
  /** Keys; one that is not there is nothing to complain about. */
  readonly unset?: readonly string[] | undefined;
}

/** Changes to a set of names: first it is replaced, then added to, then taken from. */
export interface SetEdit {
  readonly replace?: readonly string[] | undefined;
  readonly add?: readonly string[] | undefined;
  readonly remove?: readonly string[] | undefined;
}

/** Changes to the environment. */
export interface EnvironmentEdit {
  /** `NAME=VALUE`. A variable that is there keeps its place, others follow in this order; of a repeated name the last counts. */
  readonly set?: readonly string[] | undefined;
  /** Names. */
  readonly unset?: readonly string[] | undefined;
}

/**
 * Changes to how containers are asked whether they are well, Docker's `HEALTHCHECK`; what is not named stays. Durations in
 * nanoseconds; 0 leaves them to the engine.
 */
export interface HealthcheckEdit {
  /** `['NONE']`, `['CMD', …]` or `['CMD-SHELL', line]`. */
  readonly test?: readonly string[] | undefined;
  readonly interval?: number | undefined;
  readonly timeout?: number | undefined;
  readonly startPeriod?: number | undefined;
  /** Between checks while the container starts. Docker Engine 25. */
  readonly startInterval?: number | undefined;
  readonly retries?: number | undefined;
}

/** A step of a history. */
export interface HistoryStep {
  /** RFC 3339. @default the year 1, as crane writes it */
  readonly created?: string | undefined;
  readonly createdBy?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
}

/** Changes to what the config of an image says. `null` takes a value away; what is not named stays. */
export interface ConfigEdit {
  readonly labels?: MapEdit | undefined;
  readonly env?: EnvironmentEdit | undefined;
  readonly entrypoint?: readonly string[] | null | undefined;
  /** Whether a new entrypoint takes the command away, which was written for the old one; crane does so. @default false */
  readonly entrypointClearsCmd?: boolean | undefined;
  readonly cmd?: readonly string[] | null | undefined;
  readonly user?: string | null | undefined;
  readonly workdir?: string | null | undefined;
  /** Taken as they are: `443` is not the same as `443/tcp`. */
  readonly exposedPorts?: SetEdit | undefined;
  readonly volumes?: SetEdit | undefined;
  readonly stopSignal?: string | null | undefined;
  readonly healthcheck?: HealthcheckEdit | null | undefined;
  /** Operating system, architecture, variant and version are all set, or taken away; features of the system only if named. */
  readonly platform?: Platform | undefined;
  /** RFC 3339. */
  readonly created?: string | undefined;
  readonly author?: string | null | undefined;
  /** Added to the history as a step without a layer. @default none */
  readonly history?: HistoryStep | undefined;
}

/** Changes to an image: its config's, and those of its manifest. */
export interface ImageEdit extends ConfigEdit {
  /** Annotations of the manifest. */
  readonly annotations?: MapEdit | undefined;
}
