import { BlockList, isIP } from 'node:net';
import { isLoopback } from '../../oci/reference.ts';

/** Kinds of addresses that only those near to them may send us to. */
type Network = 'loopback' | 'private' | 'never';

/**
 * Whether a server may send us to another host: to names and public addresses always, to an address of this machine or of a
 * private network only from one of the same kind, to link-local ones (cloud metadata) never. A host may always name itself.
 * Names are not resolved.
 */
export function maySendTo(from: URL, to: URL): boolean {
  const network = networkOf(to);
  if (network === undefined || from.hostname === to.hostname) return true;
  return network !== 'never' && networkOf(from) === network;
}

/** Whether a URL is of this machine or a private network, by address or by the names of this machine. */
export function isLocal(url: URL): boolean {
  return networkOf(url) !== undefined;
}

function networkOf({ hostname }: URL): Network | undefined {
  if (isLoopback(hostname)) return 'loopback';
  const address = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const version = isIP(address);
  if (version === 0) return undefined;
  networks ??= specialNetworks();
  return networks.find(([, list]) => list.check(address, version === 4 ? 'ipv4' : 'ipv6'))?.[0];
}

let networks: readonly (readonly [Network, BlockList])[] | undefined;

/** RFC 6890. */
function specialNetworks(): readonly (readonly [Network, BlockList])[] {
  const [loopback, personal, never] = [new BlockList(), new BlockList(), new BlockList()];
  loopback.addSubnet('127.0.0.0', 8);
  loopback.addAddress('::1', 'ipv6');
  personal.addSubnet('10.0.0.0', 8);
  personal.addSubnet('100.64.0.0', 10);
  personal.addSubnet('172.16.0.0', 12);
  personal.addSubnet('192.168.0.0', 16);
  personal.addSubnet('fc00::', 7, 'ipv6');
  never.addSubnet('0.0.0.0', 8);
  never.addSubnet('169.254.0.0', 16);
  never.addAddress('::', 'ipv6');
  never.addSubnet('fe80::', 10, 'ipv6');
  return [
    ['loopback', loopback],
    ['private', personal],
    ['never', never],
  ];
}
