"use strict";

const place = document.getElementById("api-docs");
SwaggerUIBundle({
  url: place.dataset.spec,
  domNode: place,
  deepLinking: true,
  validatorUrl: null,  // the default would send the document's address to a public service
});
