// Calls what it is told on stdin with one of the official SDKs for Go, and prints what came of each call.
// The tests run it; what is right and wrong is decided there.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
)

const region = "cn-hangzhou"

type row struct {
	Product    string
	Version    string
	Action     string
	Parameters map[string]any
	Key        [2]string
}

type job struct {
	Client   string
	Endpoint string
	Rows     []row
}

type outcome struct {
	Answer  any    `json:"answer,omitempty"`
	Status  int    `json:"status,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Broken  string `json:"broken,omitempty"`
}

// alibaba-cloud-sdk-go: signature V1
func oldSDK(host string, called row) outcome {
	client, err := sdk.NewClientWithAccessKey(region, called.Key[0], called.Key[1])
	if err != nil {
		return outcome{Broken: err.Error()}
	}
	request := requests.NewCommonRequest()
	request.Method, request.Scheme, request.Domain = "POST", "http", host
	request.Product, request.Version, request.ApiName = called.Product, called.Version, called.Action
	for name, value := range called.Parameters {
		request.QueryParams[name] = text(value)
	}
	response, err := client.ProcessCommonRequest(request)
	var refused *sdkerrors.ServerError
	if errors.As(err, &refused) {
		return outcome{Status: refused.HttpStatus(), Code: refused.ErrorCode(), Message: refused.Message()}
	}
	if err != nil {
		return outcome{Broken: err.Error()}
	}
	return outcome{Answer: json.RawMessage(response.GetHttpContentBytes())}
}

// darabonba-openapi, which the SDKs of all products are made of: signature V3
func newSDK(host string, called row) outcome {
	client, err := openapi.NewClient(&openapiutil.Config{
		AccessKeyId:     tea.String(called.Key[0]),
		AccessKeySecret: tea.String(called.Key[1]),
		Endpoint:        tea.String(host),
		Protocol:        tea.String("http"),
		RegionId:        tea.String(region),
	})
	if err != nil {
		return outcome{Broken: err.Error()}
	}
	params := &openapiutil.Params{
		Action:      tea.String(called.Action),
		Version:     tea.String(called.Version),
		Protocol:    tea.String("HTTP"),
		Pathname:    tea.String("/"),
		Method:      tea.String("POST"),
		AuthType:    tea.String("AK"),
		Style:       tea.String("RPC"),
		ReqBodyType: tea.String("formData"),
		BodyType:    tea.String("json"),
	}
	query := map[string]*string{}
	for name, value := range called.Parameters {
		query[name] = tea.String(text(value))
	}
	reply, err := client.CallApi(params, &openapiutil.OpenApiRequest{Query: query}, &dara.RuntimeOptions{})
	if err != nil {
		return refusal(err)
	}
	return outcome{Answer: reply["body"]}
}

func refusal(err error) outcome {
	var refused *tea.SDKError
	if !errors.As(err, &refused) || refused.StatusCode == nil {
		return outcome{Broken: fmt.Sprintf("%T: %v", err, err)}
	}
	return outcome{
		Status:  tea.IntValue(refused.StatusCode),
		Code:    tea.StringValue(refused.Code),
		Message: tea.StringValue(refused.Message),
	}
}

// lists are for the caller to encode
func text(value any) string {
	if found, ok := value.(string); ok {
		return found
	}
	encoded, _ := json.Marshal(value)
	return string(encoded)
}

func main() {
	var given job
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	address, err := url.Parse(given.Endpoint)
	if err != nil {
		panic(err)
	}
	call := map[string]func(string, row) outcome{"sdk": oldSDK, "openapi": newSDK}[given.Client]
	outcomes := []outcome{}
	for _, called := range given.Rows {
		outcomes = append(outcomes, call(address.Host, called))
	}
	if err := json.NewEncoder(os.Stdout).Encode(outcomes); err != nil {
		panic(err)
	}
}
