import { describe, expect, it } from 'vitest';
import { parseReference } from '../../oci/reference.ts';
import type { Route } from '../transport/route.ts';
import { noRegistriesConf, parseRegistriesConf, type RegistriesConf, routeIn } from './registries-conf.ts';

async function parse(
  text: string,
  base: RegistriesConf = noRegistriesConf,
): Promise<RegistriesConf & { warnings: string[] }> {
  const warnings: string[] = [];
  const conf = await parseRegistriesConf(text, 'conf', (message) => warnings.push(message), base);
  return { ...conf, warnings };
}

function shown(route: Route | undefined): string | undefined {
  if (route === undefined) return undefined;
  const names = [...route.mirrors.map(({ repository }) => repository), route.repository];
  return names.map(({ registry, repository }) => `${registry}/${repository}`).join(' ');
}

describe('registries.conf', () => {
  it('leads to mirrors in their order, then to the location', async () => {
    const conf = await parse(`
unqualified-search-registries = ["example.com"]
[[registry]]
prefix = "example.com/foo"
location = "internal.test/bar"
[[registry.mirror]]
location = "mirror-0.test/mirror-for-foo"
[[registry.mirror]]
location = "mirror-1.test:5000"
insecure = true
[[registry]]
location = "registry.test"
[[registry.mirror]]
location = "mirror.registry.test"
`);
    for (const [name, route] of [
      ['example.com/foo/image', 'mirror-0.test/mirror-for-foo/image mirror-1.test:5000/image internal.test/bar/image'],
      ['example.com/foo', 'mirror-0.test/mirror-for-foo internal.test/bar'],
      ['example.com/foobar', undefined],
      ['registry.test/a/b', 'mirror.registry.test/a/b registry.test/a/b'],
      ['registry.test:5000/a', undefined],
      ['alpine', undefined],
    ] as const) {
      expect(shown(routeIn(conf, parseReference(name))), name).toBe(route);
    }
    expect(Object.fromEntries(conf.insecure)).toEqual({
      'internal.test': false,
      'mirror-0.test': false,
      'mirror-1.test:5000': true,
      'registry.test': false,
      'mirror.registry.test': false,
    });
    expect(conf.warnings).toEqual([]);
  });

  it('lets the longest prefix count, and *. stand for all names below', async () => {
    const conf = await parse(`
[[registry]]
prefix = "*.example.com"
blocked = true
[[registry]]
prefix = "eu.example.com"
[[registry]]
prefix = "eu.example.com/team"
location = "team.test/eu"
[[registry]]
prefix = "*.other.test"
location = "one.test/all"
`);
    expect(routeIn(conf, parseReference('a.b.example.com/x'))).toMatchObject({ blocked: 'conf' });
    expect(routeIn(conf, parseReference('example.com/x'))).toBeUndefined();
    expect(routeIn(conf, parseReference('eu.example.com/x'))).not.toHaveProperty('blocked');
    expect(shown(routeIn(conf, parseReference('eu.example.com/team/x')))).toBe('team.test/eu/x');
    expect(shown(routeIn(conf, parseReference('a.other.test:5000/x')))).toBe('one.test/all/x');
  });

  it('knows Docker Hub by the name people use, with library/ in names', async () => {
    const conf = await parse('[[registry]]\nprefix = "docker.io"\n[[registry.mirror]]\nlocation = "cache.test/hub"');
    expect(shown(routeIn(conf, parseReference('alpine')))).toBe(
      'cache.test/hub/library/alpine index.docker.io/library/alpine',
    );
  });

  it('restricts mirrors to pulls by digest or by tag', async () => {
    const conf = await parse(`
[[registry]]
location = "a.test"
mirror-by-digest-only = true
[[registry.mirror]]
location = "m.test"
[[registry]]
location = "b.test"
[[registry.mirror]]
location = "m.test"
pull-from-mirror = "tag-only"
`);
    expect(routeIn(conf, parseReference('a.test/x'))?.mirrors[0]).toMatchObject({ pull: 'digest' });
    expect(routeIn(conf, parseReference('b.test/x'))?.mirrors[0]).toMatchObject({ pull: 'tag' });
  });

  it('has later files replace entries of the same prefix', async () => {
    const first = await parse(
      '[[registry]]\nprefix = "a.test"\nblocked = true\n[[registry]]\nprefix = "b.test"\nblocked = true',
    );
    const second = await parse('[[registry]]\nprefix = "a.test"', first);
    expect(routeIn(second, parseReference('a.test/x'))).not.toHaveProperty('blocked');
    expect(routeIn(second, parseReference('b.test/x'))).toMatchObject({ blocked: 'conf' });
  });

  it('allows plain http to a host only if no entry forbids it', async () => {
    const conf = await parse('[[registry]]\nlocation = "a.test"\n[[registry]]\nprefix = "a.test/dev"\ninsecure = true');
    expect(conf.insecure.get(parseReference('a.test/x').registry)).toBe(false);
  });

  it('that is broken is left out with a warning that names the line; entries that are, one by one', async () => {
    const broken = await parse('[[registry]]\nlocation = "a.test"\nblocked = maybe\n');
    expect(broken.warnings).toEqual([expect.stringMatching(/^conf is left out: line 3, column \d+: /)]);
    expect(broken.rules.size).toBe(0);
    const partly = await parse(`
[[registry]]
blocked = true
[[registry]]
location = "https://a.test"
[[registry]]
location = "a.test"
insecure = "yes"
[[registry]]
location = "b.test"
[[registry.mirror]]
location = "c.test"
pull-from-mirror = "never"
[[registry]]
prefix = "d.test/x:v1"
[[registry]]
location = "good.test"
blocked = true
`);
    expect(partly.warnings).toEqual([
      '[[registry]] 1 of conf is left out: it has neither prefix nor location',
      expect.stringMatching(/^\[\[registry\]\] 2 of conf is left out: /),
      '[[registry]] 3 of conf is left out: insecure is neither true nor false',
      '[[registry]] 4 of conf is left out: pull-from-mirror is "never", allowed is all, digest-only or tag-only',
      expect.stringMatching(/^\[\[registry\]\] 5 of conf is left out: /),
    ]);
    expect(routeIn(partly, parseReference('good.test/x'))).toMatchObject({ blocked: 'conf' });
  });
});
