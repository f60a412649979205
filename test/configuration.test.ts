import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dockerHub, parseRegistry } from '../src/oci/reference.ts';
import { entryOf, parseHostsFile } from '../src/remote/hosts/hosts-file.ts';
import { codeBlocks } from './support/markdown.ts';
import { projectRoot } from './support/paths.ts';

const text = readFileSync(join(projectRoot, 'docs/configuration.md'), 'utf8');
const example = codeBlocks({ name: 'docs/configuration.md', text }).find(({ language }) => language === 'yaml');

it('the example of docs/configuration.md is a settings file with every key there is', async () => {
  const file = await parseHostsFile(example?.text ?? '', { source: '/settings/config.yaml', homedir: '/me' });
  const { settings, tls, credentials } = entryOf(file, parseRegistry('registry.example.com:5000'));
  const hub = entryOf(file, dockerHub);
  const shown = [...Object.keys(settings), ...Object.keys(hub.settings).filter((key) => key === 'mirrors')];
  expect([...shown, 'ca', 'cert', 'key', 'credentials'].toSorted()).toEqual(keysOfTable('| Key | Value | Default |'));
  expect(Object.keys(tls)).toEqual(['caFile', 'certFile', 'keyFile']);
  expect(credentials).toEqual({ kind: 'password-file', username: 'robot$ci', path: '/me/.secrets/registry' });
  expect(hub.settings.mirrors?.map(({ registry }) => registry)).toEqual(['mirror.example.com', 'cache.example.com']);
});

/** The names in the first column of the first table with this head. */
function keysOfTable(head: string): readonly string[] {
  const [, rest = ''] = text.split(`${head}\n| --- | --- | --- |\n`);
  const rows = rest.slice(0, rest.indexOf('\n\n')).split('\n');
  return rows
    .flatMap((row) => Array.from((row.split('|')[1] ?? '').matchAll(/`(\w+)`/g), ([, name = '']) => name))
    .toSorted();
}
