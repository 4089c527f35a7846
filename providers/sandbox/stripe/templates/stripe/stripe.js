/* Stand-in for Stripe.js: embedded Checkout only, as far as a page needs it to show the twin's form and to be told of the end. */
(function () {
  "use strict";
  var origin = {{ base_url | tojson }};
  function embedded(options) {
    var secret = options.clientSecret ? Promise.resolve(options.clientSecret) : options.fetchClientSecret();
    return Promise.resolve(secret).then(function (clientSecret) {
      var frame = null;
      function hear(message) {
        if (message.origin !== origin || !frame || message.source !== frame.contentWindow) { return; }
        if (message.data && message.data.twin === "checkout.height") { frame.style.height = message.data.height + 64 + "px"; }
        if (!message.data || message.data.twin !== "checkout.complete") { return; }
        if (message.data.returnUrl) { window.location = message.data.returnUrl; }
        else if (options.onComplete) { options.onComplete(); }
      }
      return {
        mount: function (place) {
          var target = typeof place === "string" ? document.querySelector(place) : place;
          if (!target) { throw new Error("There is no element " + place + " to mount Checkout in."); }
          frame = document.createElement("iframe");
          frame.src = origin + "/c/embedded/" + encodeURIComponent(clientSecret);
          frame.title = "Checkout";
          frame.name = "embedded-checkout";
          frame.style.cssText = "width:100%;min-height:20rem;height:46rem;border:0";
          window.addEventListener("message", hear);
          target.appendChild(frame);
        },
        unmount: function () { if (frame) { frame.remove(); frame = null; } },
        destroy: function () { window.removeEventListener("message", hear); this.unmount(); }
      };
    });
  }
  window.Stripe = function (publishableKey, options) {
    if (!/^pk_(test|live)_/.test(publishableKey || "")) {
      throw new Error("Stripe.js needs a publishable key (pk_test_… or pk_live_…).");
    }
    return {
      initEmbeddedCheckout: embedded,
      createEmbeddedCheckoutPage: embedded,
      _keys: {publishableKey: publishableKey, stripeAccount: (options || {}).stripeAccount}
    };
  };
  window.Stripe.version = "twin";
})();
