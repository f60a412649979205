import { BlockList, isIP } from 'node:net';

/**
 * Whether a URL's host is an IP literal of this machine or a private network: where a server in the public network must not
 * send us. Names are not resolved.
 */
export function isPrivateLiteral({ hostname }: URL): boolean {
  const address = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const family = isIP(address);
  if (family === 0) return false;
  blocked ??= privateNetworks();
  return blocked.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

let blocked: BlockList | undefined;

/** RFC 6890: "this" network, private use, shared, loopback, link local (cloud metadata), unique local. */
function privateNetworks(): BlockList {
  const list = new BlockList();
  list.addSubnet('0.0.0.0', 8);
  list.addSubnet('10.0.0.0', 8);
  list.addSubnet('100.64.0.0', 10);
  list.addSubnet('127.0.0.0', 8);
  list.addSubnet('169.254.0.0', 16);
  list.addSubnet('172.16.0.0', 12);
  list.addSubnet('192.168.0.0', 16);
  list.addAddress('::', 'ipv6');
  list.addAddress('::1', 'ipv6');
  list.addSubnet('fc00::', 7, 'ipv6');
  list.addSubnet('fe80::', 10, 'ipv6');
  return list;
}
