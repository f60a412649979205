import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { findHostFiles, type HostFiles, mayHaveRules } from './host-files.ts';

const rules = '[[registry]]\nlocation = "a.test"\n';

/** A home and an /etc below one directory. */
async function withFiles(files: Readonly<Record<string, string>>): Promise<{
  readonly find: (env?: Readonly<Record<string, string>>, config?: string) => HostFiles;
  readonly at: (path: string) => string;
}> {
  const directory = await testDirectory();
  const at = (path: string): string => join(directory, path);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), text);
  }
  const places = { homedir: at('home'), etc: at('etc'), platform: 'linux' };
  return { at, find: (env = {}, config?) => findHostFiles({ ...places, env }, config) };
}

describe('settings of hosts', () => {
  it('are nowhere on most machines', async () => {
    const { find } = await withFiles({});
    expect(find()).toEqual({ config: undefined, registries: [], certs: [] });
  });

  it('of our own are in the file that is named, else that of the variable, else the usual one if it is there', async () => {
    const { find, at } = await withFiles({ 'home/.config/crane-oci/config.yaml': '', 'xdg/crane-oci/config.yaml': '' });
    expect(find({ CRANE_OCI_CONFIG: 'b' }, 'a').config).toBe('a');
    expect(find({ CRANE_OCI_CONFIG: 'b' }, '').config).toBe('b');
    expect(find({ XDG_CONFIG_HOME: at('xdg') }).config).toBe(at('xdg/crane-oci/config.yaml'));
    expect(find().config).toBe(at('home/.config/crane-oci/config.yaml'));
    expect(find({ XDG_CONFIG_HOME: at('missing') }).config).toBeUndefined();
  });

  it('of containers are the system’s with what stands beside it, then the user’s directory', async () => {
    const { find, at } = await withFiles({
      'etc/containers/registries.conf': rules,
      'etc/containers/registries.conf.d/2.conf': rules,
      'etc/containers/registries.conf.d/1.conf': rules,
      'etc/containers/registries.conf.d/README': rules,
      'home/.config/containers/registries.conf.d/3.conf': rules,
    });
    const rest = [
      'etc/containers/registries.conf.d/1.conf',
      'etc/containers/registries.conf.d/2.conf',
      'home/.config/containers/registries.conf.d/3.conf',
    ].map(at);
    expect(find().registries).toEqual([at('etc/containers/registries.conf'), ...rest]);
    expect(find({ CONTAINERS_REGISTRIES_CONF: '/named' }).registries).toEqual(['/named', ...rest]);
  });

  it('of containers in the user’s own file keep the system’s out', async () => {
    const { find, at } = await withFiles({
      'etc/containers/registries.conf': rules,
      'etc/containers/registries.conf.d/1.conf': rules,
      'home/.config/containers/registries.conf': rules,
      'home/.config/containers/registries.conf.d/3.conf': rules,
    });
    const own = ['home/.config/containers/registries.conf', 'home/.config/containers/registries.conf.d/3.conf'].map(at);
    expect(find().registries).toEqual(own);
  });

  it('of containers do not count when they say nothing of registries, as those that distributions ship', async () => {
    const { find } = await withFiles({
      'etc/containers/registries.conf': 'unqualified-search-registries = ["registry.test", "docker.io"]\n',
      'etc/containers/registries.conf.d/shortnames.conf': '[aliases]\n"registry" = "docker.io/library/registry"\n',
    });
    expect(find().registries).toEqual([]);
  });

  it('may be certificates where podman and Docker look, those of the user first', async () => {
    const { find, at } = await withFiles({
      'etc/docker/certs.d/a.test/ca.crt': '',
      'etc/containers/certs.d/a.test/ca.crt': '',
      'home/.config/containers/certs.d/a.test/ca.crt': '',
      'home/.docker/certs.d/a.test/ca.crt': '',
      'home/.config/docker/certs.d/a.test/ca.crt': '',
    });
    expect(find().certs).toEqual(
      [
        'home/.config/containers/certs.d',
        'home/.docker/certs.d',
        'home/.config/docker/certs.d',
        'etc/containers/certs.d',
        'etc/docker/certs.d',
      ].map(at),
    );
  });
});

describe('a registries.conf', () => {
  it('is not even parsed where it says nothing that matters here', () => {
    expect(mayHaveRules('unqualified-search-registries = ["registry.test"]\nshort-name-mode = "enforcing"\n')).toBe(
      false,
    );
    expect(mayHaveRules('# [[registry]]\n[aliases]\n"alpine" = "docker.io/library/alpine"\n')).toBe(false);
    expect(mayHaveRules('[registries.search]\nregistries = ["a.test"]')).toBe(false);
    for (const text of [
      '[[registry]]',
      '  [[ registry ]]',
      'registry = [{location = "a"}]',
      '[["registry"]]',
      '[[registry.mirror]]',
    ]) {
      expect(mayHaveRules(text), text).toBe(true);
    }
  });
});
