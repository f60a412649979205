import { describe, expect, it } from 'vitest';
import { windowsCommand } from './windows-command.ts';

const env = {
  Path: String.raw`C:\Windows\system32;relative\bin;"C:\Program Files\Google Cloud (x86)\bin";C:\Azure\wbin`,
  PATHEXT: '.COM;.EXE;.BAT;.CMD;.VBS;.JS',
  SystemRoot: String.raw`C:\Windows`,
};
const gcloud = String.raw`C:\Program Files\Google Cloud (x86)\bin\gcloud.cmd`;

describe('a program on Windows', () => {
  it('is found by PATH and PATHEXT, and started by its whole path', async () => {
    const aws = String.raw`C:\Azure\wbin\aws.exe`;
    expect(await find('aws', ['ecr', 'get-login-password'], [aws])).toEqual({
      file: aws,
      args: ['ecr', 'get-login-password'],
      isVerbatim: false,
    });
    expect(await find('aws.exe', [], [aws])).toMatchObject({ file: aws });
    expect(await find(aws, [], [aws])).toMatchObject({ file: aws });
  });

  it('that is a script is run by the command interpreter, every word in quotes', async () => {
    const args = ['config', 'config-helper', '--format=json(credential)'];
    expect(await find('gcloud', args, [gcloud])).toEqual({
      file: String.raw`C:\Windows\System32\cmd.exe`,
      args: ['/d', '/s', '/c', `""${gcloud}" "config" "config-helper" "--format=json(credential)""`],
      isVerbatim: true,
    });
    const other = await windowsCommand('gcloud', [], {
      env: { ...env, COMSPEC: String.raw`D:\cmd.exe` },
      isFile: async (path) => path === gcloud,
    });
    expect(other?.file).toBe(String.raw`D:\cmd.exe`);
  });

  it('that can be started comes before a script of the same name', async () => {
    const [exe, script] = [String.raw`C:\Azure\wbin\az.exe`, String.raw`C:\Azure\wbin\az.cmd`];
    expect(await find('az', [], [script, exe])).toMatchObject({ file: exe });
  });

  it.each(['%PATH%', 'a"b', 'a^b', 'a!b!', 'two\nlines'])(
    'that is a script gets no argument that would be more than text: %j',
    async (argument) => {
      await expect(find('gcloud', [argument], [gcloud])).rejects.toThrow('it is a script');
    },
  );

  it.each(['a&b', 'a|b', '<a>', '(a)', 'a b', '', 'https://containerregistry.azure.net/.default'])(
    'that is a script gets arguments in quotes as they are: %j',
    async (argument) => {
      expect((await find('gcloud', [argument], [gcloud]))?.args.at(-1)).toBe(`""${gcloud}" "${argument}""`);
    },
  );

  it('is not looked for in the current directory, nor with endings that others open', async () => {
    const files = [
      'az.exe',
      String.raw`relative\bin\az.exe`,
      String.raw`C:\Azure\wbin\az.js`,
      String.raw`C:\Azure\wbin\az`,
    ];
    expect(await find('az', [], files)).toBeUndefined();
    expect(await windowsCommand('az', [], { env: {}, isFile: async () => true })).toBeUndefined();
  });
});

async function find(
  program: string,
  args: readonly string[],
  files: readonly string[],
): ReturnType<typeof windowsCommand> {
  return windowsCommand(program, args, { env, isFile: async (path) => files.includes(path) });
}
