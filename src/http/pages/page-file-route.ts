import type { FastifyReply, FastifyRequest } from 'fastify';
import { findPageFile, pageFiles } from '../../page/server/page-files.ts';

/** Answers a request for a file of the page, such as its program. */
export async function sendPageFile(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const files = await pageFiles();
  const found = files && findPageFile(files, request.url);
  if (found === undefined) return reply.callNotFound() as unknown as FastifyReply;
  const { file, isCurrent } = found;
  const etag = `"${file.hash}"`;
  reply.headers({
    etag,
    'cache-control': isCurrent ? 'public, max-age=31536000, immutable' : 'no-cache',
    vary: 'accept-encoding',
    'cross-origin-resource-policy': 'same-origin',
  });
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  reply.type(file.contentType);
  if (!/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) return reply.send(file.content);
  return reply.header('content-encoding', 'gzip').send(file.gzipped);
}
