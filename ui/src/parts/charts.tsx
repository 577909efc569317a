import { useMemo } from 'react';

export type Part = { name: string; value: number; tone: string };
export type Column = { day: string; parts: Part[] };
type Given = { columns: Column[]; label: string; show: (value: number) => string; told?: (part: Part) => string; least?: number };

/** Stacked columns by day, drawn by hand: no library is worth its weight for this. */
export function Columns({ columns, label, show, told = (part) => `${part.name} ${show(part.value)}`, least = 0 }: Given) {
  const most = useMemo(
    () => Math.max(0, ...columns.map((one) => one.parts.reduce((sum, part) => sum + part.value, 0))),
    [columns],
  );
  const top = nice(Math.max(most, least));
  return (
    <figure className="chart" role="img" aria-label={label}>
      <div className="chart-lines" aria-hidden="true">
        <span>{show(top)}</span>
        <span>{top >= 2 || top < 1 ? show(top / 2) : ''}</span>
      </div>
      <div className="chart-columns" aria-hidden="true">
        {columns.map((column, place) => {
          const sum = column.parts.reduce((total, part) => total + part.value, 0);
          const today = place === columns.length - 1;
          const said = column.parts.filter((part) => part.value > 0).map(told);
          return (
            <div
              key={column.day}
              className="chart-column"
              title={`${today ? 'Today' : day(column.day)}: ${said.length ? said.join(', ') : 'nothing'}`}
            >
              <div className="chart-bar" style={{ height: `${top ? (sum / top) * 100 : 0}%` }}>
                {column.parts.map((part) =>
                  part.value > 0 ? (
                    <i key={part.name} style={{ flexGrow: part.value / (sum || 1), background: part.tone }} />
                  ) : null,
                )}
              </div>
              {place % 7 === columns.length % 7 || today ? (
                <span className="chart-day">{today ? 'today' : day(column.day)}</span>
              ) : null}
            </div>
          );
        })}
      </div>
    </figure>
  );
}

/** The last `count` days (UTC) as ISO dates, oldest first. */
export function lastDays(count: number, until: Date): string[] {
  return Array.from({ length: count }, (_, place) => {
    const day = new Date(until.getTime() - (count - 1 - place) * 86_400_000);
    return day.toISOString().slice(0, 10);
  });
}

function day(iso: string): string {
  return new Date(`${iso}T12:00:00Z`).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
}

/** The next round number at or above. */
function nice(value: number): number {
  if (value <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 4, 6, 8, 10]) if (value <= step * unit) return step * unit;
  return 10 * unit;
}
