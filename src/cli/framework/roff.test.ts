import { assert, constantFrom, oneof, property, string } from 'fast-check';
import { describe as group, expect, test } from 'vitest';
import { describe } from './page.ts';
import type { CommandPage } from './page.ts';
import { manFileName, renderRoff } from './roff.ts';
import { sampleProgram } from './sample-program.ts';

const options = { source: 'crane-oci 1.0.0' };

group('the manual page of a command', () => {
  test('has its name, how it is called, its flags, examples, and the page above it', async () => {
    const pages = await describe(sampleProgram());
    const page = pages.find(({ path }) => path === 'crane auth login');
    expect(page === undefined ? '' : manFileName(page)).toBe('crane-auth-login.1');
    expect(page === undefined ? '' : renderRoff(page, options))
      .toBe(String.raw`.\" Made from the command table by scripts/write-man-pages.ts
.TH "CRANE\-AUTH\-LOGIN" "1" "" "crane\-oci 1.0.0" "crane manual"
.nh
.ad l
.SH "NAME"
crane\-auth\-login \- Store a password
.SH "SYNOPSIS"
.nf
crane auth login SERVER [flags]
.fi
.SH "DESCRIPTION"
Store a password
.SH "OPTIONS"
.TP
\fB\-h\fR, \fB\-\-help\fR
Show the help of login
.TP
\fB\-u\fR, \fB\-\-username\fR \fIstring\fR
Name
.SH "OPTIONS OF EVERY COMMAND"
.TP
\fB\-\-insecure\fR
Allow plain HTTP
.TP
\fB\-\-platform\fR \fIplatform\fR
Choose \(gaos/arch\(ga (default all)
.TP
\fB\-v\fR, \fB\-\-verbose\fR
Log more
.SH "EXAMPLES"
.RS 4
.nf
# Store it
crane auth login example.com
.fi
.RE
.SH "SEE ALSO"
\fBcrane\-auth\fR(1)
`);
  });

  test('lists the commands below it by their pages, which may be those of another program', async () => {
    const [page] = await describe(sampleProgram());
    const pageFor = (path: string): string => path.replace('crane ', 'other-');
    const lines = page === undefined ? [] : renderRoff(page, { ...options, pageFor }).split('\n');
    expect(lines).toContain(String.raw`\fBother\-append\fR(1)`);
    expect(lines).not.toContain('.SH "SEE ALSO"');
  });

  test('keeps paragraphs, and the lines of what is shown as written', () => {
    const description = 'First\nsecond.\n\nFor example:\n\n    .profile\n    b  c\n\nLast.';
    expect(renderRoff({ ...empty, description }, options)).toContain(
      [
        'First',
        'second.',
        '.PP',
        'For example:',
        '.PP',
        '.RS 4',
        '.nf',
        String.raw`\&.profile`,
        'b  c',
        '.fi',
        '.RE',
        '.PP',
        'Last.',
      ].join('\n'),
    );
  });

  test('says the same as the text it is made from, whatever characters that has', () => {
    const words = oneof(
      string({ unit: 'grapheme' }),
      string({ unit: constantFrom('.', "'", '\\', '"', '-', ' ', '`', '^', '~', 'fB', 'é', '…', '😀') }),
    );
    assert(
      property(words, (text) => {
        const summary = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '');
        const commands = [{ name: 'x', summary: `.${summary}` }];
        const page = renderRoff({ ...empty, summary, commands }, options);
        expect(page).toMatch(/^[\n -~]*$/);
        const lines = page.split('\n');
        const requests = new Set(lines.filter((line) => /^[.']/.test(line)).map((line) => line.split(' ')[0]));
        expect(requests).toEqual(new Set(['.\\"', '.SH', '.TH', '.TP', '.ad', '.nh']));
        expect(read(lines[5])).toBe(`crane - ${summary}`);
        expect(read(lines.at(-2))).toBe(`.${summary}`);
      }),
    );
  });

  test('has spaces where the text has what moves a cursor', () => {
    expect(renderRoff({ ...empty, summary: 'a\u001B[31m\tb\u009B' }, options)).toContain(
      String.raw`crane \- a [31m b `,
    );
  });
});

const empty: CommandPage = {
  path: 'crane',
  name: 'crane',
  summary: 'x',
  description: '',
  hidden: false,
  usageLines: [],
  aliases: [],
  examples: undefined,
  commands: [],
  nameWidth: 0,
  flags: [],
  globalFlags: [],
};

/** A line of text as a formatter reads it. */
function read(line = ''): string {
  const named: Readonly<Record<string, string>> = { aq: "'", dq: '"', ga: '`', ha: '^', ti: '~' };
  return line.replaceAll(/\\(?:\((..)|\[u([0-9A-F]+)\]|(.))/g, (_, name?: string, code?: string, letter?: string) => {
    if (name !== undefined) return named[name] ?? '?';
    if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
    return letter === 'e' ? '\\' : letter === '-' ? '-' : letter === '&' ? '' : '?';
  });
}
