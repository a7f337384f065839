// Holds Kubernetes objects against the JSON schemas of Kubernetes and of the Prometheus operator: node validate.mjs FILE,
// which holds a JSON list of objects. Prints a line for each problem, and exits with 1 if there is one.
//
// The schemas allow fields that they do not know, as a typo in a field's name would be. The TypeScript types of the same
// packages do not, so the compiler looks at each object as well.
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const moduleOf = (apiVersion) => apiVersion.startsWith('monitoring.coreos.com/')
  ? `@kubernetes-models/prometheus-operator/${apiVersion}` : `kubernetes-models/${apiVersion}`;
const nameOf = (object) => `${object.kind} ${object.metadata?.name}`;

async function bySchema(object) {
  const {[object.kind]: Model} = await import(moduleOf(object.apiVersion));
  if (!Model) return `${object.apiVersion} has no ${object.kind}`;
  try {
    new Model(object).validate();
    return null;
  } catch (error) {
    return error.message;
  }
}

// An object a line, so that the line that the compiler names tells which object it is about.
function byTypes(objects) {
  const directory = mkdtempSync(join(here, 'types-'));
  try {
    const lines = objects.map((object, index) =>
      `const object${index}: import('${moduleOf(object.apiVersion)}').I${object.kind} = ${JSON.stringify(object)};`);
    writeFileSync(join(directory, 'objects.mts'), `${lines.join('\n')}\nexport {};\n`);
    execFileSync(process.execPath, [join(here, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--skipLibCheck',
      '--module', 'nodenext', '--target', 'es2022', '--pretty', 'false', join(directory, 'objects.mts')],
    {encoding: 'utf8'});
    return [];
  } catch (error) {
    if (!error.stdout) throw error;
    return error.stdout.split('\n').filter((line) => line.trim()).map((line) => {
      const at = /\((\d+),\d+\): (.*)/.exec(line);
      return at ? `${nameOf(objects[at[1] - 1])}: ${at[2]}` : line;
    });
  } finally {
    rmSync(directory, {recursive: true});
  }
}

const objects = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const wrong = byTypes(objects);
for (const object of objects) {
  const problem = await bySchema(object);
  if (problem) wrong.push(`${nameOf(object)}: ${problem}`);
}
wrong.forEach((line) => console.log(line));
process.exitCode = wrong.length ? 1 : 0;
