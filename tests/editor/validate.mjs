// What an editor with yaml-language-server underlines in YAML files: a line "FILE:LINE:COLUMN: MESSAGE" for each, and exit
// code 1 if there is any. Files find their schema by the modeline in their first lines, as in an editor.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import service from "yaml-language-server/out/server/src/languageservice/yamlLanguageService.js";
import { SettingsState } from "yaml-language-server/out/server/src/yamlSettings.js";
import { TextDocument } from "vscode-languageserver-textdocument";

const settings = new SettingsState();
const languageService = service.getLanguageService({
  schemaRequestService: async (uri) => fs.readFileSync(fileURLToPath(uri), "utf8"),
  workspaceContext: { resolveRelativePath: (relative, base) => new URL(relative, base).toString() },
  yamlSettings: settings,
  telemetry: { send() {}, sendError(name, what) { throw new Error(`${name}: ${JSON.stringify(what)}`); }, sendTrack() {} },
  clientCapabilities: {},
});
languageService.configure({ validate: true, customTags: [], schemas: [] });

let found = 0;
for (const file of process.argv.slice(2)) {
  const uri = pathToFileURL(path.resolve(file)).toString();
  const document = TextDocument.create(uri, "yaml", 0, fs.readFileSync(file, "utf8"));
  for (const { range, message } of await languageService.doValidation(document, false)) {
    console.log(`${file}:${range.start.line + 1}:${range.start.character + 1}: ${message}`);
    ++found;
  }
}
process.exitCode = found ? 1 : 0;
