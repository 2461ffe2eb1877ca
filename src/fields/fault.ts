/** What is told of a field at fault, by every way in: its value, and what is allowed. */
import { z } from 'zod';
import { Img2ImgError } from '../errors.js';

export const fieldFaultSchema = z
  .object({
    field: z.string().describe('The field at fault.'),
    value: z.unknown().describe('What was given; long text is cut.').optional(),
    message: z.string(),
    allowed: z
      .union([z.string(), z.array(z.string())])
      .describe('What would be right.')
      .optional(),
  })
  .meta({ id: 'FieldFault' });

export type FieldFault = z.infer<typeof fieldFaultSchema>;

/** Faults told of one request: a body can have a million, and each is told with what is allowed. */
export const MAX_FAULTS = 20;

/** The error that lists the faults of a request, up to a number of them. */
export function invalidRequest(found: FieldFault[]): Img2ImgError {
  const faults = found.slice(0, MAX_FAULTS);
  const detail = faults.map((fault) => fault.message).join('; ');
  return new Img2ImgError('invalid_request', detail, { details: { errors: faults } });
}
