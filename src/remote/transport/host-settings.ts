import type { RegistryName } from '../../oci/reference.ts';
import type { Scheme } from './scheme.ts';

/** PEM texts. One object stands for one set of connections: whoever wants to share connections passes the same object. */
export interface TlsSettings {
  /** Certificate authorities to trust beside those the exchange trusts anyway. */
  readonly ca?: readonly string[] | undefined;
  /** The client's own certificate, and its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Settings, or how to read them when TLS is first needed. */
export type TlsSource = TlsSettings | (() => Promise<TlsSettings | undefined>);

/** A registry that may have the same content, asked before the one that was named. */
export interface Mirror {
  readonly registry: RegistryName;
  /** In front of the repository's name, without slashes at its ends. @default '' */
  readonly prefix?: string | undefined;
  /** What it is asked for. @default 'all' */
  readonly pull?: 'all' | 'digest' | 'tag' | undefined;
  /** Name the original registry in an `ns` parameter. OCI distribution-spec, "Registry Proxying". @default true */
  readonly namespace?: boolean | undefined;
}

/** What is set for one registry, rather than found out. All of it has a default. */
export interface HostSettings {
  /** @default what answers, https first */
  readonly scheme?: Scheme | undefined;
  /** Take plain http and any certificate, and send credentials over both. @default the transport's */
  readonly insecure?: boolean | undefined;
  /**
   * The certificate authorities are trusted wherever requests to the registry lead, as with Docker; the client certificate is
   * shown to the registry only. @default no more than the exchange's own
   */
  readonly tls?: TlsSource | undefined;
  /** Sent to it with every request, beside the transport's. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** In the order they are asked. Only what is read is asked of them. @default none */
  readonly mirrors?: readonly Mirror[] | undefined;
  /** Transfers in each direction at the same time. @default the transport's limits */
  readonly maxTransfers?: number | undefined;
  /** Requests per second, at most. @default unlimited */
  readonly requestRate?: number | undefined;
  /** Upload in pieces of so many bytes. @default in one piece, and in pieces where that is refused */
  readonly chunkSize?: number | undefined;
  /** Connections that one large blob is fetched over. @default the transport's */
  readonly maxConnectionsPerBlob?: number | undefined;
  /** Have a repository made that is missing when something is pushed to it. @default where the transport knows how */
  readonly createRepository?: boolean | undefined;
}

/** Settings by registry; asked once for each, when it is first used. */
export type HostSettingsSource = (registry: RegistryName) => HostSettings;
