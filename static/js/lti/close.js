/** Tells the platform that opened this page, in a frame or a window, to close it. */

(window.opener || window.parent).postMessage({ subject: "org.imsglobal.lti.close" }, "*");
