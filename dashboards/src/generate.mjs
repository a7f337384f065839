// Writes the dashboards' JSON, beside this folder or into the folder given: node generate.mjs [DIR]
import {mkdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import block from './block.mjs';
import exporter from './exporter.mjs';
import overview from './overview.mjs';
import vm from './vm.mjs';

const target = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..');
mkdirSync(target, {recursive: true});
for (const [name, dashboard] of Object.entries({overview, vm, block, exporter})) {
  writeFileSync(join(target, `${name}.json`), `${JSON.stringify(dashboard, null, 2)}\n`);
}
