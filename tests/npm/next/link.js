const { createElement } = require("react");

exports.__esModule = true;
exports.default = (props) => createElement("a", props);
