// Writes the dashboards' JSON into DIR, by default the parent of this folder: node generate.mjs [DIR]
import {mkdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import block from './block.mjs';
import exporter from './exporter.mjs';
import overview from './overview.mjs';
import {problems} from './promql.mjs';
import vm from './vm.mjs';

const dashboards = {overview, vm, block, exporter};
const wrong = Object.values(dashboards).flatMap(problems);
if (wrong.length) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
const target = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..');
mkdirSync(target, {recursive: true});
for (const [name, dashboard] of Object.entries(dashboards)) {
  writeFileSync(join(target, `${name}.json`), `${JSON.stringify(dashboard, null, 2)}\n`);
}
