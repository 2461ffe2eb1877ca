/** A drawn face of 64×64 pixels, base64 of a PNG: small enough for the examples of the API to carry a real image. */
export const SAMPLE_SKETCH =
  'iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQMAAACQp+OdAAAABlBMVEUXFxf9/f17uF6KAAAACXBIWXMAAAsTAAALEwEAmpwYAAAAsUlEQVQoz63RsQ3E' +
  'IAwFUEdXUDJCRmE0kFJkrURZhNuAkgLZ5+/krFydS4EeEjHmm+T66DlqOMFE2dCJZkMlCoYttpehZJ4Mut2AoQdqBvSXnhS6YEPStBpHRdX6HC4IsAOL' +
  '4vhiAfY7VuANjNgSgD61BkkE2nN4wXWI2BVrzzwDS09jtn5w+2GtElmru5TJUBHd+S7OBn+yh4BYWroHJRpg+Q3T4/XAfQQ+FB/TX+b+AQDOr9MQqNmz' +
  'AAAAAElFTkSuQmCC';
