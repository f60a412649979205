import { afterAll, beforeAll, describe, it } from 'vitest';
import { startCraneRegistry, type CraneRegistry } from '../../support/crane-registry.ts';
import { loadLayout } from '../../support/load-layout.ts';
import { join } from 'node:path';
import { projectRoot } from '../../support/paths.ts';
import { expectRefused } from '../../support/workplace.ts';

/** What is wrong, the command line, what the message has to say. */
type Row = readonly [title: string, ...Rest];
type Rest = readonly [args: readonly string[], ...says: (string | RegExp)[]];

const zeros = '0'.repeat(64);

describe('arguments that cannot be right are refused in one line', () => {
  it.each(
    titled([
      ['an empty reference', ['digest', ''], '""', /empty|missing/],
      ['a repository in upper case', ['digest', 'Ubuntu'], '"Ubuntu"', 'upper-case'],
      ['an empty path component', ['manifest', 'a//b'], '"a//b"'],
      ['a slash in front', ['manifest', '/a'], '"/a"'],
      ['a slash at the end', ['manifest', 'a/'], '"a/"'],
      ['two dots in a name', ['manifest', 'a..b'], '"a..b"'],
      ['nothing but two dots', ['manifest', '..'], '".."'],
      ['a tag that starts with a dot', ['manifest', 'a:.b'], '"a:.b"', 'tag'],
      ['a URL', ['config', 'https://ghcr.io/org/app'], '"https://ghcr.io/org/app"', 'https://'],
      ['an empty tag', ['pull', 'app:', 'x.tar'], '"app:"', 'tag'],
      ['a tag with a space', ['copy', 'app:a b', 'other/app'], '"app:a b"', 'tag'],
      ['a tag that starts with a dash', ['copy', 'app', 'other.example/app:-x'], '"other.example/app:-x"', 'tag'],
      ['a tag of 129 letters', ['digest', `app:${'t'.repeat(129)}`], 'tag', '129'],
      ['a digest that is too short', ['manifest', 'app@sha256:abcd'], '"app@sha256:abcd"', '64'],
      ['a digest of an unknown kind', ['blob', `app@md5:${zeros}`], 'md5'],
      ['a digest in upper case', ['delete', `app@sha256:${'A'.repeat(64)}`], 'sha256:AAAA', 'a-f'],
      ['two at signs', ['digest', `app@@sha256:${zeros}`], '@'],
      ['a blob without a digest', ['blob', 'app:v1'], '"app:v1"', 'digest'],
      ['a port that is none', ['digest', 'ghcr.io:abc/app'], 'ghcr.io:abc'],
      ['a port that is too high', ['digest', 'ghcr.io:99999/app'], '99999'],
      ['a path that climbs', ['digest', 'ghcr.io/../app'], '"ghcr.io/../app"'],
      ['a platform with too many parts', ['digest', 'app', '--platform', 'a/b/c/d'], '"a/b/c/d"', '--platform'],
      ['a repository with a tag', ['ls', 'app:v1'], '"app:v1"', 'tag'],
      ['an empty registry', ['catalog', ''], 'registry'],
      ['a registry with a scheme', ['catalog', 'https://ghcr.io'], '"https://ghcr.io"'],
      ['a registry with a path', ['catalog', 'ghcr.io/org'], '"ghcr.io/org"'],
      ['an empty new tag', ['tag', 'app:v1', ''], '""', 'tag'],
      ['a new tag with a colon', ['tag', 'app:v1', 'a:b'], '"a:b"'],
      ['a new tag in another repository', ['tag', 'app:v1', 'other.example/app:v2'], '"other.example/app:v2"'],
      ['a location without a path', ['manifest', 'oci:'], '"oci:"', 'path'],
      ['a layout tag that cannot be', ['manifest', 'oci:dir:bad tag'], 'bad tag'],
      ['a format that is unknown', ['pull', 'app', 'x', '--format', 'zip'], '"zip"', 'tarball, legacy, and oci'],
      ['a mount in another registry', ['auth', 'token', 'ghcr.io/a/b', '-m', 'quay.io/c/d'], '"quay.io/c/d"'],
      ['a login without a user', ['auth', 'login', 'ghcr.io', '-p', 'secret'], 'username and password required'],
      ['a login to no registry', ['auth', 'login', 'a b', '-u', 'u', '-p', 'secret'], '"a b"'],
      ['an address without a port', ['registry', 'serve', '--address', 'localhost'], '"localhost"', 'port'],
      ['a port that is no number', ['registry', 'serve', '--address', 'localhost:http'], '"http"', '--address'],
      ['an unknown flag', ['digest', 'app', '--colour'], 'unknown flag: --colour'],
      ['a number that is none', ['copy', 'a', 'b', '-j', 'many'], '"many"', '-j, --jobs'],
    ]),
  )('%s', async (_, [args, ...says]) => {
    await expectRefused({ args, says });
  });

  it('a password in a reference is not repeated', async () => {
    const { stderr } = await expectRefused({ args: ['digest', 'joe:s3cret@ghcr.io/app'], says: ['ghcr.io/app'] });
    if (stderr.includes('s3cret')) throw new Error(stderr);
  });
});

describe('what is not there is named with its place', () => {
  let registry: CraneRegistry;
  beforeAll(async () => {
    registry = await startCraneRegistry();
    await loadLayout(join(projectRoot, 'test/vectors/transcripts/registry/app'), `http://${registry.address}`, 'app');
    await loadLayout(
      join(projectRoot, 'test/vectors/transcripts/registry/multi'),
      `http://${registry.address}`,
      'multi',
    );
  });
  afterAll(() => registry.stop());

  it.each(
    titled([
      ['the tag for digest', ['digest', '$R/app:none'], '"none"', '$R/app', '404'],
      ['the tag for manifest', ['manifest', '$R/app:none'], '"none"', '$R/app', '404'],
      ['the tag for config', ['config', '$R/app:none'], '"none"', '$R/app', '404'],
      ['the tag for pull', ['pull', '$R/app:none', 'out.tar'], '"none"', '$R/app', '404'],
      ['the tag for pull to a layout', ['pull', '--format', 'oci', '$R/app:none', 'out'], '"none"', '$R/app', '404'],
      ['one of two tags for pull', ['pull', '$R/app:oci', '$R/app:none', 'out.tar'], '"none"', '$R/app', '404'],
      ['the source of copy', ['copy', '$R/app:none', '$R/other:v1'], '"none"', '$R/app', '404'],
      ['the source of copy to a layout', ['copy', '$R/app:none', 'oci:out:v1'], '"none"', '$R/app', '404'],
      ['the source of copy to an archive', ['copy', '$R/app:none', 'oci-archive:out.tar:v1'], '"none"', '404'],
      ['the image of tag', ['tag', '$R/app:none', 'v2'], '"none"', '$R/app', '404'],
      ['the tag for delete', ['delete', '$R/app:none'], '"none"', '$R/app', '404'],
      ['the image of validate', ['validate', '--remote', '$R/app:none'], '"none"', '$R/app', '404'],
      ['the digest', ['manifest', `$R/app@sha256:${zeros}`], `sha256:${zeros}`, '$R/app', '404'],
      ['the blob', ['blob', `$R/app@sha256:${zeros}`], `sha256:${zeros}`, '$R/app'],
      ['the repository for ls', ['ls', '$R/none'], '$R/none', '404'],
      ['the repository for copy -a', ['copy', '-a', '$R/none', '$R/other'], '$R/none', '404'],
      ['the platform', ['digest', '$R/multi:oci', '--platform', 'plan9/mips'], 'plan9/mips', 'sha256:'],
      ['the archive for push', ['push', 'none.tar', '$R/x:v1'], 'none.tar', 'no such file'],
      ['the archive for digest', ['digest', '--tarball', 'none.tar'], '"none.tar"'],
      ['the archive for validate', ['validate', '--tarball', 'none.tar'], 'none.tar'],
      ['the archive for copy', ['copy', 'docker-archive:none.tar', '$R/x:v1'], '"none.tar"'],
      ['the OCI archive for manifest', ['manifest', 'oci-archive:none.tar:v1'], '"none.tar"'],
      ['the layout for copy', ['copy', 'oci:none:v1', '$R/x:v1'], '"none"', 'no directory'],
      ['the directory of the output', ['pull', '$R/app:oci', 'none/out.tar'], 'none/out.tar', 'directory'],
      ['the directory of the output archive', ['copy', '$R/app:oci', 'oci-archive:none/out.tar'], 'none/out.tar'],
    ]),
  )('%s', async (_, [args, ...says]) => {
    const fill = <T extends string | RegExp>(part: T): T =>
      (typeof part === 'string' ? part.replaceAll('$R', registry.address) : part) as T;
    await expectRefused({ args: args.map(fill), says: says.map(fill) });
  });

  it('a directory in the place of the output is named', async () => {
    const files = { 'out.tar/file': 'x' };
    const args = ['pull', `${registry.address}/app:oci`, 'out.tar'];
    await expectRefused({ args, files, says: ['out.tar', 'directory'] });
  });

  it('a file in the place of a layout is named', async () => {
    const args = ['pull', '--format', 'oci', `${registry.address}/app:oci`, 'out'];
    await expectRefused({ args, files: { out: 'x' }, says: ['out', 'directory'] });
  });

  it('a file below a file is named', async () => {
    const args = ['pull', `${registry.address}/app:oci`, 'file/out.tar'];
    await expectRefused({ args, files: { file: 'x' }, says: ['file/out.tar', 'directory'] });
  });

  it('a port in use is named', async () => {
    await expectRefused({
      args: ['registry', 'serve', '--address', registry.address],
      says: [registry.address, 'in use'],
    });
  });

  it('a file in the place of the registry is named', async () => {
    const args = ['registry', 'serve', '--disk', 'file'];
    await expectRefused({ args, files: { file: 'x' }, says: ['file', 'directory'] });
  });
});

function titled(rows: readonly Row[]): readonly (readonly [title: string, rest: Rest])[] {
  return rows.map(([title, ...rest]) => [title, rest]);
}
