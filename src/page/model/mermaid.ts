import type { CallRow } from './call-rows.ts';

/** Number of calls that a diagram holds. */
const mostCalls = 200;

/**
 * Formats the calls of a reply as a sequence diagram of Mermaid. Calls of one stage are in parallel.
 *
 * @example
 * mermaid(callRows(reply)); // 'sequenceDiagram\n  participant p0 as gateway\n…'
 */
export function mermaid(root: CallRow): string {
  const writer = new DiagramWriter();
  writer.calls(writer.participant(root), root, '  ');
  return writer.text();
}

class DiagramWriter {
  private readonly participants = new Map<string, string>();
  private readonly lines: string[] = [];
  private made = 0;

  text(): string {
    const names = [...this.participants].map(([name, id]) => `  participant ${id} as ${safe(name)}`);
    return ['sequenceDiagram', ...names, ...this.lines, ''].join('\n');
  }

  /** Returns the id of the service of a row. */
  participant({ reply, call, name }: CallRow): string {
    const shown = reply?.service ?? call?.target.replace(/:\d+$/, '') ?? name;
    const known = this.participants.get(shown) ?? `p${this.participants.size}`;
    this.participants.set(shown, known);
    return known;
  }

  calls(caller: string, row: CallRow, indent: string): void {
    const stages = [...Map.groupBy(row.children, ({ stage = 0 }) => stage).values()];
    for (const stage of stages) {
      if (stage.length === 1) for (const child of stage) this.call(caller, child, indent);
      else {
        for (const [index, child] of stage.entries()) {
          this.lines.push(`${indent}${index === 0 ? 'par' : 'and'} ${safe(child.name)}`);
          this.call(caller, child, `${indent}  `);
        }
        this.lines.push(`${indent}end`);
      }
    }
  }

  private call(caller: string, row: CallRow, indent: string): void {
    if (++this.made > mostCalls) {
      if (this.made === mostCalls + 1) this.lines.push(`${indent}Note over ${caller}: further calls are left out`);
      return;
    }
    const callee = this.participant(row);
    const { call, reply, tone, outcome } = row;
    const times = call?.summary === undefined ? '' : ` ×${call.summary.count}`;
    this.lines.push(
      `${indent}${caller}->>${callee}: ${safe(`${call?.scheme ?? ''} ${reply?.request?.uri ?? ''}${times}`)}`,
    );
    this.calls(callee, row, indent);
    this.lines.push(`${indent}${callee}--${tone === 'good' ? '>>' : 'x'}${caller}: ${safe(outcome)}`);
  }
}

/** Encodes the characters that end a text in Mermaid or have a meaning there. */
function safe(text: string): string {
  const short = text.trim().replaceAll(/\s+/g, ' ').slice(0, 120);
  return short.replaceAll(/[^\w ./:@=,~*()[\]|?&+×-]/g, (character) => `#${character.codePointAt(0)};`) || '#32;';
}
