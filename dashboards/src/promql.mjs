// Parses the expressions of dashboards with Prometheus' own grammar: node promql.mjs FILE.json...
import {readFileSync} from 'node:fs';
import {pathToFileURL} from 'node:url';
import {parser} from '@prometheus-io/lezer-promql';

// The place where `expr` is invalid PromQL, or null. Durations replace Grafana's intervals; its other variables are inside
// strings.
export function problem(expr) {
  const filledIn = expr.replace(/\$__(rate_interval|interval|range)\b/g, '5m');
  const cursor = parser.parse(filledIn).cursor();
  do {
    if (cursor.type.isError) return `no PromQL at "${filledIn.slice(cursor.from, cursor.from + 40)}" in ${filledIn}`;
  } while (cursor.next());
  return null;
}

// All problems of a dashboard, in panels, including those of collapsed rows, and in annotations.
export function problems(dashboard) {
  const panels = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  const named = [...panels.flatMap((panel) => (panel.targets ?? []).map(({expr}) => [panel.title, expr])),
    ...dashboard.annotations.list.map(({name, expr}) => [name, expr])];
  return named.map(([name, expr]) => [name, problem(expr)]).filter(([, wrong]) => wrong)
    .map(([name, wrong]) => `${dashboard.uid}: ${name}: ${wrong}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const wrong = process.argv.slice(2).flatMap((file) => problems(JSON.parse(readFileSync(file, 'utf8'))));
  wrong.forEach((line) => console.error(line));
  process.exitCode = wrong.length ? 1 : 0;
}
