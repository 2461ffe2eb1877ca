/** Reads request fields against a zod schema: words from forms and queries become numbers and booleans, faults become sentences. */
import { z } from 'zod';
import { echo, MAX_ECHO } from './echo.js';
import { type FieldFault, MAX_FAULTS } from './fault.js';

type FieldSchema = z.core.JSONSchema.JSONSchema;

/** What an object schema says of its fields, in the words of JSON Schema. */
export interface FieldTable {
  names: string[];
  of(name: string): FieldSchema | undefined;
}

export function fieldTable(object: z.ZodObject): FieldTable {
  const properties = z.toJSONSchema(object, { io: 'input' }).properties ?? {};
  const table = new Map(
    Object.entries(properties).flatMap(([name, schema]) =>
      typeof schema === 'object' ? [[name, schema] as const] : [],
    ),
  );
  return { names: [...table.keys()], of: (name) => table.get(name) };
}

/** One way to read each digit: with two, a field of 64 kB that is no number after all keeps the event loop for 8 s. */
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const TRUE = new Set(['true', '1', 'on']);
const FALSE = new Set(['false', '0', 'off']);

/**
 * Turns the strings of a form or query into what their fields take. An empty string counts as absent, as an empty
 * input of a form does. What does not look right stays a string, for the schema to refuse.
 */
export function coerceWords(fields: Record<string, unknown>, table: FieldTable): Record<string, unknown> {
  const coerced = Object.entries(fields)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [name, typeof value === 'string' ? coerce(value, table.of(name)) : value]);
  return Object.fromEntries(coerced);
}

function coerce(word: string, schema: FieldSchema | undefined): unknown {
  const type = schema?.type;
  if ((type === 'number' || type === 'integer') && NUMBER.test(word.trim())) {
    const value = Number(word);
    return Number.isFinite(value) ? value : word;
  }
  if (type === 'boolean' && TRUE.has(word)) return true;
  if (type === 'boolean' && FALSE.has(word)) return false;
  return word;
}

/** The faults zod found, up to `MAX_FAULTS`, each naming the field, the value given and what is allowed. */
export function fieldFaults(error: z.ZodError, input: unknown, table: FieldTable): FieldFault[] {
  const faults = error.issues.slice(0, MAX_FAULTS).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys
        .slice(0, MAX_FAULTS)
        .map((key) => unknownField(key, valueAt(input, [key]), table.names));
    }
    const field = issue.path.join('.');
    const value = valueAt(input, issue.path);
    const given = value === undefined ? 'it is missing' : `not ${JSON.stringify(echo(value))}`;
    if (field === '') {
      return [{ field: 'body', value: echo(value), message: `The fields must be an object, ${given}` }];
    }
    const allowed = describeAllowed(table.of(String(issue.path[0]))) ?? issue.message;
    return [{ field, value: echo(value), message: `${field} must be ${allowed}, ${given}`, allowed }];
  });
  return faults.slice(0, MAX_FAULTS);
}

export function unknownField(field: string, value: unknown, names: string[]): FieldFault {
  const name = field.slice(0, MAX_ECHO);
  return {
    field: name,
    value: echo(value),
    message: `There is no field ${JSON.stringify(name)}; the fields are ${names.join(', ')}`,
    allowed: names,
  };
}

export function givenTwice(field: string, value: unknown): FieldFault {
  return { field, value: echo(value), message: `${field} is given twice`, allowed: 'one value' };
}

function valueAt(input: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    input,
  );
}

function describeAllowed(schema: z.core.JSONSchema._JSONSchema | undefined): string | undefined {
  if (typeof schema !== 'object') return undefined;
  if (schema.anyOf !== undefined) return schema.anyOf.map(describeAllowed).join(' or ');
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'integer') return `an integer${range(schema)}`;
  if (schema.type === 'number') return `a number${range(schema)}`;
  if (schema.type !== 'string') return undefined;
  if (schema.pattern !== undefined) return `text such as ${String(schema.example)}`;
  if (schema.maxLength !== undefined) return `text of at most ${schema.maxLength} characters`;
  return 'text';
}

const range = ({ minimum, maximum }: FieldSchema) =>
  minimum === undefined || maximum === undefined ? '' : ` from ${minimum} to ${maximum}`;
