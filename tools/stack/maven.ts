import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext } from './packaged-server.ts';
import { run } from './run.ts';

export type MavenModule = readonly [group: string, artifact: string, version: string];

/** Puts the modules and everything they need at run time into `libs` inside the folder. */
export async function fetchMavenModules(
  modules: readonly MavenModule[],
  folder: string,
  context: BuildContext,
): Promise<void> {
  await writeFile(join(folder, 'pom.xml'), pom(modules));
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${join(folder, 'libs')}`];
  await run('mvn', ['-B', ...goal, '-DincludeScope=runtime'], { cwd: folder, ...context });
}

function pom(modules: readonly MavenModule[]): string {
  const dependencies = modules.map(
    ([group, artifact, version]) =>
      `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sluice</groupId><artifactId>fetched</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
${dependencies.join('\n')}
  </dependencies>
</project>
`;
}
