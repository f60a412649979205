import { readableHealthcheck } from './readable-healthcheck.ts';

/**
 * What a step of an image's history did, as one line that reads like a Dockerfile: `RUN apk add curl`, `COPY /src /app`. Docker's
 * builders write around it how they did it: `/bin/sh -c #(nop)` for what ran nothing, `|2 A=1 B=2 /bin/sh -c` for build arguments,
 * `# buildkit` at the end. Words of other builders stay as they are. Empty only for what has nothing but white space in it.
 *
 * @param createdBy `created_by` of the history. OCI image-spec, config.md
 */
export function readableStep(createdBy: string): string {
  const line = createdBy.replace(whiteSpace, ' ').trim();
  if (line === '') return '';
  const step = stepOf(line);
  // What had only the builder's words has nothing else to show.
  return step === '' ? line : step;
}

/** NEL is a line end to terminals, but no white space to JavaScript. */
const whiteSpace = /[\s\u0085]+/g;

/** Every instruction of a Dockerfile. */
const instruction =
  /^(?:ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)(?= |$)/;

function stepOf(line: string): string {
  const text = line.endsWith(' # buildkit') ? line.slice(0, -' # buildkit'.length).trimEnd() : line;
  const [name] = instruction.exec(text) ?? [];
  if (name === 'RUN') return runStep(text);
  if (name !== undefined) return instructionStep(name, text);
  const nothing = withoutNop(text);
  if (nothing !== undefined) return /^(?:ADD|COPY) /.test(nothing) ? legacyCopy(nothing) : stepOfInstruction(nothing);
  const command = shellCommand(text);
  return command === undefined || command === '' ? text : `RUN ${command}`;
}

function stepOfInstruction(text: string): string {
  const [name] = instruction.exec(text) ?? [];
  return name === undefined ? text : instructionStep(name, text);
}

/** `RUN --mount=… |1 A=b /bin/sh -c make`: flags stay, build arguments and the shell go. */
function runStep(text: string): string {
  const [head = ''] = /^RUN(?: --[a-z][^ ]*)*/.exec(text) ?? [];
  const rest = text.slice(head.length).trimStart();
  const command = shellCommand(rest);
  return command === undefined || command === '' ? text : `${head} ${command}`;
}

/** What a shell was given to run, without the arguments of the build in front of it; `undefined` when there was no shell. */
function shellCommand(text: string): string | undefined {
  const [count, values] = buildArguments(text);
  if (count === undefined) return unshelled(text);
  // Values may have spaces in them, so that the shell is a better end than their number.
  const shell = shellWithin.exec(values);
  if (shell !== null) return unshelled(values.slice(shell.index).trimStart());
  return values.split(' ').slice(count).join(' ');
}

function buildArguments(text: string): readonly [count: number | undefined, rest: string] {
  const [head, count = ''] = /^\|(\d{1,4}) /.exec(text) ?? [];
  return head === undefined ? [undefined, text] : [Number(count), text.slice(head.length)];
}

const unixShell = String.raw`/(?:usr/)?bin/(?:ba|da|a|z|k)?sh(?: -[a-z]+| \+[a-z]+| pipefail){0,8}? -[a-z]*c(?= |$)`;
const windowsShell = String.raw`cmd(?:\.exe)?(?: /[a-zA-Z]){0,4}? /[cC](?= |$)`;
const shellAtStart = new RegExp(`^(?:${unixShell}|${windowsShell})`);
const shellWithin = new RegExp(`(?:^| )(?:${unixShell}|${windowsShell})`);

/** The text behind `/bin/sh -c`, `/bin/bash -o pipefail -c`, `cmd /S /C`. */
function unshelled(text: string): string | undefined {
  const [shell] = shellAtStart.exec(text) ?? [];
  return shell === undefined ? undefined : text.slice(shell.length).trimStart();
}

/** The instruction of a step that ran nothing, which the builder before BuildKit wrote as a comment for the shell. */
function withoutNop(text: string): string | undefined {
  const mark = text.indexOf('#(nop)');
  if (mark < 0) return undefined;
  const before = text.slice(0, mark).trimEnd();
  const after = text.slice(mark + '#(nop)'.length).trim();
  if (before === '' || shellCommand(before) === '') return after;
  // PowerShell has settings in front of the mark, and a command may have the mark in it.
  return /^(?:powershell|pwsh)(?:\.exe)? /i.test(before) && instruction.test(after) ? after : undefined;
}

/** `COPY dir:4f2a… in /app`: what was copied has no name there, but a hash. */
function legacyCopy(text: string): string {
  return text.replace(
    /^((?:ADD|COPY) (?:--[^ ]+ )*)(file|dir|multi):([a-f0-9]{12})[a-f0-9]{52} in /,
    (_, head: string, kind: string, hash: string) => `${head}${kind}:${hash} `,
  );
}

function instructionStep(name: string, text: string): string {
  if (name === 'HEALTHCHECK') return readableHealthcheck(text) ?? text;
  if (name === 'EXPOSE') return ports(text);
  return text;
}

/** Go's forms of a list and of a map: `EXPOSE [80/tcp 443/tcp]`, `EXPOSE map[80/tcp:{}]`. */
function ports(text: string): string {
  const [, inner] = /^EXPOSE (?:map)?\[([^[\]]*)\]$/.exec(text) ?? [];
  const names = inner?.replaceAll(':{}', '').trim();
  return names === undefined || names === '' ? text : `EXPOSE ${names}`;
}
