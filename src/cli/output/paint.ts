import { styleText } from 'node:util';
import type { Paint } from '../../render/tree-layout.ts';

const formats = { good: 'green', notice: 'yellow', bad: 'red', faint: 'dim' } as const;

/** Colours text for standard output, on a terminal only, and not with NO_COLOR (no-color.org). Node decides. */
export const paintOutput: Paint = (style, text) =>
  styleText(formats[style], text, { stream: process.stdout, validateStream: true });
