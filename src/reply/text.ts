import type { Reply } from './reply.ts';
export function renderText(reply: Reply): string {
  return JSON.stringify(reply);
}
