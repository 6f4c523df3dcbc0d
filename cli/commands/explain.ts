/** `gantry explain job.spec.update`: documents types and fields, from the server's OpenAPI v3. */
import { ApiError } from '../../api/meta/api-error.ts';
import { didYouMean } from '../../api/meta/field-path.ts';
import type { CommandFunction, Session } from '../command.ts';
import type { ApiResource } from '../discovery.ts';
import { explainField } from '../explanation.ts';
import { UsageError } from '../failure.ts';
import { type OpenApiSchema, SchemaReader } from '../openapi-schema.ts';

export interface ExplainOptions {
  recursive?: boolean;
}

export const explain: CommandFunction<ExplainOptions> = async (
  { io, session: connect },
  [target = ''],
  options,
) => {
  const [type = '', ...fields] = target.split('.');
  if (type === '') throw new UsageError('say what to explain: job, or job.spec.update');
  const session = await connect();
  const resource = await session.discovery.one(type);
  const reader = await schemaReader(session, resource);
  const root = reader.kindSchema(resource);
  if (root === undefined) throw new ApiError('NotFound', `the server documents no ${resource.kind}`);
  let schema: OpenApiSchema = root;
  for (const [depth, field] of fields.entries()) {
    const next = reader.fields(schema).find(({ name }) => name === field);
    if (!next) throw unknownField(reader, schema, [type, ...fields.slice(0, depth + 1)]);
    schema = next.schema;
  }
  io.out(explainField(reader, { resource, fields, schema, recursive: options.recursive === true }));
  return 0;
};

async function schemaReader({ client }: Session, { group, version }: ApiResource): Promise<SchemaReader> {
  const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
  const index = (await client.raw('/openapi/v3')) as { paths: Record<string, { serverRelativeURL: string }> };
  const url = index.paths[path]?.serverRelativeURL;
  if (url === undefined) throw new ApiError('NotFound', `the server documents nothing of ${path}`);
  return new SchemaReader((await client.raw(url)) as ConstructorParameters<typeof SchemaReader>[0]);
}

function unknownField(reader: SchemaReader, schema: OpenApiSchema, path: readonly string[]): ApiError {
  const field = path.at(-1) ?? '';
  const guess = didYouMean(
    field,
    reader.fields(schema).map(({ name }) => name),
  );
  const hint = guess ? `; did you mean "${guess}"?` : '';
  return new ApiError('NotFound', `${path.slice(0, -1).join('.')} has no field "${field}"${hint}`);
}
