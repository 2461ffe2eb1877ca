/** Makes Fastify validate with zod schemas, and say a fault the way every other way in says it. */
import type { FastifySchemaCompiler } from 'fastify';
import { z } from 'zod';
import { invalidRequest } from '../fields/fault.js';
import { fieldFaults, fieldTable } from '../fields/fields.js';

export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema }) => {
  const object = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
  const table = fieldTable(object instanceof z.ZodObject ? object : z.object({}));
  return (data) => {
    // A body that may be left out arrives as null.
    const parsed = schema.safeParse(data ?? undefined);
    if (parsed.success) return { value: parsed.data };
    return { error: invalidRequest(fieldFaults(parsed.error, data, table)) };
  };
};
