import { createServer, type Socket } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import type { FakeEngineOptions } from './fake-engine.ts';

/** Answers one request of an engine's. */
export type EngineAnswer = (response: ServerResponse, request: IncomingMessage) => void;

/** A whole answer, as it is on the line. */
export function http(status: number, body: string): string {
  return `HTTP/1.1 ${status} X\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;
}

/** An engine that answers one kind of request in this way. */
export function instead(what: string, answer: EngineAnswer): FakeEngineOptions {
  return {
    instead: (asked, response, request) => {
      if (asked !== what) return false;
      answer(response, request);
      return true;
    },
  };
}

/** Answers when everything has come. */
export function after(answer: (response: ServerResponse) => void): EngineAnswer {
  return (response, request) => {
    request.resume().once('end', () => answer(response));
  };
}

/** Answers with chunks that are written as they are. */
export function chunked(body: string): (response: ServerResponse) => void {
  return (response) => {
    response.socket?.end(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body}`);
  };
}

/**
 * Something that listens, and says this to everybody who asks.
 *
 * @param words `undefined` for nothing at all
 * @returns for DOCKER_HOST
 */
export async function speaking(words: string | undefined): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket
      .on('error', () => {})
      .on('data', () => {
        if (words !== undefined) socket.end(words);
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return `tcp://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}
